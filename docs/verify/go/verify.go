// Checks a Stanchion pass: go run verify.go JWKS-URL AUDIENCE PASS
//
// Prints the subject and exits 0, or says why not and exits 1. Needs Go 1.19 or newer and nothing else.
package main

import (
	"bytes"
	"crypto/ecdsa"
	"crypto/ed25519"
	"crypto/elliptic"
	"crypto/sha256"
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"math/big"
	"net/http"
	"os"
	"strings"
	"time"
)

const leeway = 30

var encoding = base64.RawURLEncoding.Strict()

func main() {
	if len(os.Args) != 4 {
		fmt.Fprintln(os.Stderr, "usage: verify JWKS-URL AUDIENCE PASS")
		os.Exit(1)
	}
	subject, err := verify(os.Args[1], os.Args[2], os.Args[3], time.Now().Unix())
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
	fmt.Println(subject)
}

// In a service, fetch the key set once, keep it for five minutes, and fetch it again (at most every ten seconds) when a
// pass names a key that is not in it.
func verify(url, audience, pass string, now int64) (string, error) {
	parts := strings.Split(pass, ".")
	if len(pass) > 1024 || len(parts) != 3 {
		return "", errors.New("not a pass")
	}
	header, err := object(parts[0])
	if err != nil {
		return "", err
	}
	kid, _ := header["kid"].(string)
	if header["typ"] != "stanchion-pass+jwt" || header["crit"] != nil || kid == "" {
		return "", errors.New("not a pass")
	}
	key, err := find(url, kid)
	if err != nil {
		return "", err
	}
	signature, err := encoding.DecodeString(parts[2])
	if err != nil {
		return "", err
	}
	// The algorithm belongs to the key. What the pass says about it is only compared.
	if header["alg"] != key.algorithm || !key.signed([]byte(parts[0]+"."+parts[1]), signature) {
		return "", errors.New("the signature is wrong")
	}
	claims, err := object(parts[1])
	if err != nil {
		return "", err
	}
	return subject(claims, audience, now)
}

func subject(claims map[string]any, audience string, now int64) (string, error) {
	expires, isNumber := whole(claims["exp"])
	if !isNumber || expires+leeway <= now {
		return "", errors.New("expired")
	}
	begins, isNumber := whole(claims["nbf"])
	if !isNumber || begins > now+leeway {
		return "", errors.New("not valid yet")
	}
	if claims["aud"] != audience {
		return "", errors.New("for another room")
	}
	who, isText := claims["sub"].(string)
	if !isText || who == "" {
		return "", errors.New("no subject")
	}
	return who, nil
}

type key struct {
	algorithm string
	signed    func(message, signature []byte) bool
}

func find(url, kid string) (*key, error) {
	client := http.Client{Timeout: 3 * time.Second}
	answer, err := client.Get(url)
	if err != nil {
		return nil, err
	}
	defer answer.Body.Close()
	if answer.StatusCode != http.StatusOK {
		return nil, errors.New(answer.Status)
	}
	var set struct {
		Keys []struct{ Kty, Crv, Kid, X, Y string }
	}
	if err := json.NewDecoder(io.LimitReader(answer.Body, 1<<16)).Decode(&set); err != nil {
		return nil, err
	}
	for _, jwk := range set.Keys {
		if jwk.Kid != kid {
			continue
		}
		x, errX := encoding.DecodeString(jwk.X)
		y, errY := encoding.DecodeString(jwk.Y)
		switch {
		case errX != nil || errY != nil:
			return nil, errors.New("not a key")
		case jwk.Kty == "OKP" && jwk.Crv == "Ed25519" && len(x) == ed25519.PublicKeySize:
			return &key{"EdDSA", func(message, signature []byte) bool {
				return ed25519.Verify(x, message, signature)
			}}, nil
		case jwk.Kty == "EC" && jwk.Crv == "P-256":
			return es256(new(big.Int).SetBytes(x), new(big.Int).SetBytes(y))
		}
	}
	return nil, errors.New("unknown key")
}

func es256(x, y *big.Int) (*key, error) {
	if !elliptic.P256().IsOnCurve(x, y) {
		return nil, errors.New("not a key")
	}
	public := &ecdsa.PublicKey{Curve: elliptic.P256(), X: x, Y: y}
	return &key{"ES256", func(message, signature []byte) bool {
		if len(signature) != 64 {
			return false
		}
		digest := sha256.Sum256(message)
		r, s := new(big.Int).SetBytes(signature[:32]), new(big.Int).SetBytes(signature[32:])
		return ecdsa.Verify(public, digest[:], r, s)
	}}, nil
}

// A map and not a struct: encoding/json would fill a struct's "exp" from "EXP" too.
func object(part string) (map[string]any, error) {
	text, err := encoding.DecodeString(part)
	if err != nil {
		return nil, err
	}
	decoder := json.NewDecoder(bytes.NewReader(text))
	decoder.UseNumber()
	var members map[string]any
	if err := decoder.Decode(&members); err != nil {
		return nil, err
	}
	return members, nil
}

func whole(value any) (int64, bool) {
	number, isNumber := value.(json.Number)
	if !isNumber {
		return 0, false
	}
	seconds, err := number.Int64()
	return seconds, err == nil
}
