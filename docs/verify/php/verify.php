<?php
// Checks a Stanchion pass: php verify.php JWKS-URL AUDIENCE PASS
//
// Prints the subject and exits 0, or says why not and exits 1. Needs PHP 8.1 or newer with sodium (and openssl, where
// passes are signed with ES256).
declare(strict_types=1);

const LEEWAY_S = 30;

// In a service, keep the key set in a cache for five minutes, and fetch it again (at most every ten seconds) when a pass
// names a key that is not in it.
function verify(string $url, string $audience, string $pass, int $now): string
{
    $parts = explode('.', $pass);
    check(strlen($pass) <= 1024 && count($parts) === 3, 'not a pass');
    $header = object($parts[0]);
    check(($header->typ ?? null) === 'stanchion-pass+jwt' && !isset($header->crit), 'not a pass');
    check(is_string($header->kid ?? null), 'no key id');

    $key = find($url, $header->kid);
    $message = "$parts[0].$parts[1]";
    $signature = decoded($parts[2]);
    check(strlen($signature) === 64, 'the signature is wrong');
    // The algorithm belongs to the key. What the pass says about it is only compared.
    $good = match ([$key->kty ?? null, $key->crv ?? null, $header->alg ?? null]) {
        ['OKP', 'Ed25519', 'EdDSA'] => sodium_crypto_sign_verify_detached($signature, $message, decoded($key->x)),
        ['EC', 'P-256', 'ES256'] => openssl_verify($message, der($signature), pem($key), OPENSSL_ALGO_SHA256) === 1,
        default => false,
    };
    check($good, 'the signature is wrong');

    $claims = object($parts[1]);
    check(is_int($claims->exp ?? null) && $claims->exp + LEEWAY_S > $now, 'expired');
    check(is_int($claims->nbf ?? null) && $claims->nbf <= $now + LEEWAY_S, 'not valid yet');
    check(($claims->aud ?? null) === $audience, 'for another room');
    check(is_string($claims->sub ?? null), 'no subject');
    return $claims->sub;
}

function find(string $url, string $kid): stdClass
{
    $context = stream_context_create(['http' => ['timeout' => 3, 'follow_location' => 0]]);
    $text = @file_get_contents($url, false, $context, 0, 65536);
    check($text !== false, 'no key set');
    foreach (json_decode($text, false, 8, JSON_THROW_ON_ERROR)->keys as $key) {
        if (($key->kid ?? null) === $kid) {
            return $key;
        }
    }
    throw new RuntimeException('unknown key');
}

function object(string $part): stdClass
{
    $value = json_decode(decoded($part), false, 8, JSON_THROW_ON_ERROR);
    check($value instanceof stdClass, 'not an object');
    return $value;
}

function decoded(string $part): string
{
    // Strict: throws at anything that is not base64url, padding included.
    $bytes = sodium_base642bin($part, SODIUM_BASE64_VARIANT_URLSAFE_NO_PADDING);
    check(sodium_bin2base64($bytes, SODIUM_BASE64_VARIANT_URLSAFE_NO_PADDING) === $part, 'not canonical');
    return $bytes;
}

// OpenSSL wants a P-256 key as PEM (RFC 5480) and a signature as two integers in DER.
function pem(stdClass $key): string
{
    $point = "\x04" . decoded($key->x) . decoded($key->y);
    check(strlen($point) === 65, 'not a key');
    $der = hex2bin('3059301306072a8648ce3d020106082a8648ce3d030107034200') . $point;
    return "-----BEGIN PUBLIC KEY-----\n" . chunk_split(base64_encode($der), 64, "\n") . "-----END PUBLIC KEY-----\n";
}

function der(string $signature): string
{
    $integers = '';
    foreach (str_split($signature, 32) as $half) {
        $half = ltrim($half, "\x00");
        $half = $half === '' || ord($half[0]) > 127 ? "\x00$half" : $half;
        $integers .= "\x02" . chr(strlen($half)) . $half;
    }
    return "\x30" . chr(strlen($integers)) . $integers;
}

function check(bool $holds, string $why): void
{
    $holds || throw new RuntimeException($why);
}

try {
    echo verify($argv[1], $argv[2], $argv[3], time()), "\n";
} catch (Throwable $refused) {
    fwrite(STDERR, $refused->getMessage() . "\n");
    exit(1);
}
