// Checks a Stanchion pass: java VerifyPass.java JWKS-URL AUDIENCE PASS
//
// Prints the subject and exits 0, or says why not and exits 1. Needs a JDK 17 or newer and nothing else; with a JSON
// library at hand, leave out the class at the end.

import java.math.BigInteger;
import java.net.URI;
import java.net.http.HttpClient;
import java.net.http.HttpRequest;
import java.net.http.HttpResponse;
import java.nio.charset.StandardCharsets;
import java.security.AlgorithmParameters;
import java.security.GeneralSecurityException;
import java.security.KeyFactory;
import java.security.PublicKey;
import java.security.Signature;
import java.security.spec.ECGenParameterSpec;
import java.security.spec.ECParameterSpec;
import java.security.spec.ECPoint;
import java.security.spec.ECPublicKeySpec;
import java.security.spec.X509EncodedKeySpec;
import java.time.Duration;
import java.util.ArrayList;
import java.util.Base64;
import java.util.HexFormat;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;

public class VerifyPass {
    private static final long LEEWAY_S = 30;

    public static void main(String[] arguments) {
        try {
            System.out.println(verify(arguments[0], arguments[1], arguments[2], System.currentTimeMillis() / 1000));
        } catch (Exception refused) {
            System.err.println(refused);
            System.exit(1);
        }
    }

    // In a service, fetch the key set once, keep it for five minutes, and fetch it again (at most every ten seconds)
    // when a pass names a key that is not in it.
    static String verify(String url, String audience, String pass, long now) throws Exception {
        String[] parts = pass.split("\\.", -1);
        require(pass.length() <= 1024 && parts.length == 3, "not a pass");
        Map<?, ?> header = object(parts[0]);
        require("stanchion-pass+jwt".equals(header.get("typ")) && !header.containsKey("crit"), "not a pass");

        Map<?, ?> jwk = find(url, header.get("kid"));
        boolean edwards = "OKP".equals(jwk.get("kty")) && "Ed25519".equals(jwk.get("crv"));
        boolean p256 = "EC".equals(jwk.get("kty")) && "P-256".equals(jwk.get("crv"));
        require(edwards || p256, "not a key for passes");
        // The algorithm belongs to the key. What the pass says about it is only compared.
        require((edwards ? "EdDSA" : "ES256").equals(header.get("alg")), "not the key's algorithm");
        Signature signature = Signature.getInstance(edwards ? "Ed25519" : "SHA256withECDSAinP1363Format");
        signature.initVerify(edwards ? ed25519(jwk) : p256(jwk));
        signature.update((parts[0] + "." + parts[1]).getBytes(StandardCharsets.US_ASCII));
        byte[] given = decoded(parts[2]);
        require(given.length == 64 && signature.verify(given), "the signature is wrong");

        Map<?, ?> claims = object(parts[1]);
        require(claims.get("exp") instanceof Long exp && exp + LEEWAY_S > now, "expired");
        require(claims.get("nbf") instanceof Long nbf && nbf <= now + LEEWAY_S, "not valid yet");
        require(audience.equals(claims.get("aud")), "for another room");
        require(claims.get("sub") instanceof String, "no subject");
        return (String) claims.get("sub");
    }

    static Map<?, ?> find(String url, Object kid) throws Exception {
        HttpRequest request = HttpRequest.newBuilder(URI.create(url)).timeout(Duration.ofSeconds(3)).build();
        HttpResponse<String> answer = HttpClient.newHttpClient().send(request, HttpResponse.BodyHandlers.ofString());
        require(answer.statusCode() == 200 && answer.body().length() <= 65_536, "no key set");
        for (Object key : (List<?>) ((Map<?, ?>) new Json(answer.body()).whole()).get("keys")) {
            if (key instanceof Map<?, ?> jwk && jwk.get("kid") instanceof String known && known.equals(kid)) {
                return jwk;
            }
        }
        throw new SecurityException("unknown key");
    }

    static PublicKey ed25519(Map<?, ?> jwk) throws GeneralSecurityException {
        byte[] point = decoded((String) jwk.get("x"));
        require(point.length == 32, "not a key");
        // RFC 8410: what stands before the 32 bytes in a public key's usual encoding.
        byte[] encoded = HexFormat.of().parseHex("302a300506032b6570032100" + HexFormat.of().formatHex(point));
        return KeyFactory.getInstance("Ed25519").generatePublic(new X509EncodedKeySpec(encoded));
    }

    static PublicKey p256(Map<?, ?> jwk) throws GeneralSecurityException {
        AlgorithmParameters curve = AlgorithmParameters.getInstance("EC");
        curve.init(new ECGenParameterSpec("secp256r1"));
        BigInteger x = new BigInteger(1, decoded((String) jwk.get("x")));
        BigInteger y = new BigInteger(1, decoded((String) jwk.get("y")));
        ECParameterSpec parameters = curve.getParameterSpec(ECParameterSpec.class);
        return KeyFactory.getInstance("EC").generatePublic(new ECPublicKeySpec(new ECPoint(x, y), parameters));
    }

    static Map<?, ?> object(String part) {
        Object value = new Json(new String(decoded(part), StandardCharsets.UTF_8)).whole();
        require(value instanceof Map, "not an object");
        return (Map<?, ?>) value;
    }

    static byte[] decoded(String part) {
        byte[] bytes = Base64.getUrlDecoder().decode(part);
        // One text per value: no padding, no stray last bits.
        require(Base64.getUrlEncoder().withoutPadding().encodeToString(bytes).equals(part), "not canonical");
        return bytes;
    }

    static void require(boolean holds, String why) {
        if (!holds) {
            throw new SecurityException(why);
        }
    }

    /** As much of JSON as key sets and passes are made of. Whole numbers become Long, others Double. */
    static final class Json {
        private final String text;
        private int at;

        Json(String text) {
            this.text = text;
        }

        Object whole() {
            Object value = value(0);
            space();
            require(at == text.length(), "not JSON");
            return value;
        }

        private Object value(int depth) {
            space();
            require(at < text.length() && depth < 16, "not JSON");
            switch (text.charAt(at)) {
                case '{': return object(depth);
                case '[': return array(depth);
                case '"': return string();
                default: return word();
            }
        }

        private Map<String, Object> object(int depth) {
            Map<String, Object> members = new LinkedHashMap<>();
            at++;
            for (boolean first = true; !taken('}'); first = false) {
                require(first || taken(','), "not JSON");
                space();
                require(at < text.length() && text.charAt(at) == '"', "not JSON");
                String name = string();
                require(taken(':') && !members.containsKey(name), "not JSON");
                members.put(name, value(depth + 1));
            }
            return members;
        }

        private List<Object> array(int depth) {
            List<Object> values = new ArrayList<>();
            at++;
            for (boolean first = true; !taken(']'); first = false) {
                require(first || taken(','), "not JSON");
                values.add(value(depth + 1));
            }
            return values;
        }

        private String string() {
            StringBuilder string = new StringBuilder();
            for (at++; at < text.length(); at++) {
                char c = text.charAt(at);
                if (c == '"') {
                    at++;
                    return string.toString();
                }
                require(c >= ' ', "not JSON");
                if (c == '\\') {
                    require(++at < text.length(), "not JSON");
                    c = text.charAt(at);
                    int plain = "\"\\/bfnrt".indexOf(c);
                    if (c == 'u') {
                        require(at + 4 < text.length(), "not JSON");
                        c = (char) HexFormat.fromHexDigits(text, at + 1, at + 5);
                        at += 4;
                    } else {
                        require(plain >= 0, "not JSON");
                        c = "\"\\/\b\f\n\r\t".charAt(plain);
                    }
                }
                string.append(c);
            }
            throw new SecurityException("not JSON");
        }

        private Object word() {
            int from = at;
            while (at < text.length() && "+-.0123456789Eaeflnrstu".indexOf(text.charAt(at)) >= 0) {
                at++;
            }
            String word = text.substring(from, at);
            switch (word) {
                case "true": return true;
                case "false": return false;
                case "null": return null;
                default:
                    require(word.matches("-?(0|[1-9][0-9]{0,17})(\\.[0-9]+)?([eE][+-]?[0-9]{1,3})?"), "not JSON");
                    return word.matches("-?[0-9]+") ? (Object) Long.valueOf(word) : Double.valueOf(word);
            }
        }

        private boolean taken(char c) {
            space();
            boolean there = at < text.length() && text.charAt(at) == c;
            at += there ? 1 : 0;
            return there;
        }

        private void space() {
            while (at < text.length() && " \t\r\n".indexOf(text.charAt(at)) >= 0) {
                at++;
            }
        }
    }
}
