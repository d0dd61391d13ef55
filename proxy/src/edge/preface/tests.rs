//! B4: headers as hops send them, and as others do.

use std::net::IpAddr;

use tokio::io::{AsyncReadExt, AsyncWriteExt, duplex};

use super::{Bad, read};

type Said = Result<Option<IpAddr>, Bad>;

fn of(address: &str) -> Said {
    Ok(Some(address.parse().unwrap()))
}

/// A header of version 2: version and command, family and protocol, what follows.
fn v2(command: u8, family: u8, rest: &[u8]) -> Vec<u8> {
    let mut header = b"\r\n\r\n\0\r\nQUIT\n".to_vec();
    header.extend([command, family]);
    header.extend(u16::try_from(rest.len()).unwrap().to_be_bytes());
    header.extend(rest);
    header
}

/// 192.0.2.7:4711 to 198.51.100.1:443.
const FOUR: &[u8] = &[192, 0, 2, 7, 198, 51, 100, 1, 0x12, 0x67, 1, 187];

fn six(source: &str) -> Vec<u8> {
    let source: std::net::Ipv6Addr = source.parse().unwrap();
    [&source.octets()[..], &[0; 16], &[0x12, 0x67, 1, 187]].concat()
}

fn with(rest: &[u8], extension: &[u8]) -> Vec<u8> {
    [rest, extension].concat()
}

/// What is said when these bytes come and then the connection is closed for writing; and that nothing beyond the header is read.
async fn said(bytes: &[u8]) -> Said {
    let (mut hop, mut edge) = duplex(1 << 17);
    hop.write_all(bytes).await.unwrap();
    hop.shutdown().await.unwrap();
    let said = read(&mut edge).await;
    if said.is_ok() {
        let mut rest = Vec::new();
        edge.read_to_end(&mut rest).await.unwrap();
        assert_eq!(rest, b"GET", "what follows the header is left alone");
    }
    said
}

#[tokio::test]
async fn b4_headers_of_version_1() {
    let longest = format!("PROXY UNKNOWN {}\r\n", "x".repeat(107 - 16));
    let too_long = format!("PROXY UNKNOWN {}\r\n", "x".repeat(108 - 16));
    let cases: &[(&str, Said)] = &[
        ("PROXY TCP4 192.0.2.7 198.51.100.1 4711 443\r\n", of("192.0.2.7")),
        (
            "PROXY TCP4 255.255.255.255 255.255.255.255 65535 65535\r\n",
            of("255.255.255.255"),
        ),
        ("PROXY TCP4 192.0.2.7 198.51.100.1 0 0\r\n", of("192.0.2.7")),
        ("PROXY TCP6 2001:db8::7 2001:db8::1 4711 443\r\n", of("2001:db8::7")),
        ("PROXY TCP6 ::ffff:192.0.2.7 2001:db8::1 4711 443\r\n", of("192.0.2.7")),
        ("PROXY UNKNOWN\r\n", Ok(None)),
        ("PROXY UNKNOWN whatever it may be\r\n", Ok(None)),
        (&longest, Ok(None)),
        (&too_long, Err(Bad::TooLong)),
        ("PROXY TCP4 192.0.2.7 198.51.100.1 4711 443\n", Err(Bad::Cut)),
        ("PROXY TCP4 192.0.2.7 198.51.100.1 4711 443", Err(Bad::Cut)),
        ("proxy TCP4 192.0.2.7 198.51.100.1 4711 443\r\n", Err(Bad::Malformed)),
        ("PROXY tcp4 192.0.2.7 198.51.100.1 4711 443\r\n", Err(Bad::Malformed)),
        ("PROXY  TCP4 192.0.2.7 198.51.100.1 4711 443\r\n", Err(Bad::Malformed)),
        ("PROXY\tTCP4 192.0.2.7 198.51.100.1 4711 443\r\n", Err(Bad::Malformed)),
        (" PROXY TCP4 192.0.2.7 198.51.100.1 4711 443\r\n", Err(Bad::Malformed)),
        ("PROXY TCP5 192.0.2.7 198.51.100.1 4711 443\r\n", Err(Bad::Malformed)),
        ("PROXY UDP4 192.0.2.7 198.51.100.1 4711 443\r\n", Err(Bad::Malformed)),
        ("PROXY TCP4 192.0.2.256 198.51.100.1 4711 443\r\n", Err(Bad::Malformed)),
        ("PROXY TCP4 192.0.2 198.51.100.1 4711 443\r\n", Err(Bad::Malformed)),
        ("PROXY TCP4 192.0.2.07 198.51.100.1 4711 443\r\n", Err(Bad::Malformed)),
        ("PROXY TCP4 2001:db8::7 2001:db8::1 4711 443\r\n", Err(Bad::Malformed)),
        ("PROXY TCP6 192.0.2.7 198.51.100.1 4711 443\r\n", Err(Bad::Malformed)),
        ("PROXY TCP6 fe80::1%eth0 2001:db8::1 4711 443\r\n", Err(Bad::Malformed)),
        ("PROXY TCP6 [2001:db8::7] 2001:db8::1 4711 443\r\n", Err(Bad::Malformed)),
        ("PROXY TCP4 192.0.2.7 198.51.100.1 4711 65536\r\n", Err(Bad::Malformed)),
        ("PROXY TCP4 192.0.2.7 198.51.100.1 04711 443\r\n", Err(Bad::Malformed)),
        ("PROXY TCP4 192.0.2.7 198.51.100.1 +4711 443\r\n", Err(Bad::Malformed)),
        ("PROXY TCP4 192.0.2.7 198.51.100.1 -1 443\r\n", Err(Bad::Malformed)),
        ("PROXY TCP4 192.0.2.7 198.51.100.1 4711\r\n", Err(Bad::Malformed)),
        ("PROXY TCP4 192.0.2.7\r\n", Err(Bad::Malformed)),
        ("PROXY TCP4 192.0.2.7 198.51.100.1 4711 443 9\r\n", Err(Bad::Malformed)),
        ("PROXY TCP4 192.0.2.7 198.51.100.1 4711 443 \r\n", Err(Bad::Malformed)),
        ("PROXY TCP4 192.0.2.7 198.51.100.1 4711\r443\r\n", Err(Bad::Malformed)),
        ("PROXY TCP4 192.0.2.7\0 198.51.100.1 4711 443\r\n", Err(Bad::Malformed)),
        ("PROXY TCP4 ١٩٢.0.2.7 198.51.100.1 4711 443\r\n", Err(Bad::Malformed)),
        ("PROXY \r\n", Err(Bad::Cut)),
        ("PROXY       \r\n", Err(Bad::Malformed)),
        ("", Err(Bad::Cut)),
        ("P", Err(Bad::Cut)),
        ("GET / HTTP/1.1\r\nHost: a\r\n\r\n", Err(Bad::Malformed)),
        (
            "\u{16}\u{3}\u{1}\u{2}\0\u{1}\0\u{1}\u{fc}\u{3}\u{3}",
            Err(Bad::Malformed),
        ),
        ("PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n", Err(Bad::Malformed)),
    ];
    for (header, expected) in cases {
        let bytes = if expected.is_ok() {
            format!("{header}GET")
        } else {
            (*header).to_owned()
        };
        assert_eq!(said(bytes.as_bytes()).await, *expected, "{header:?}");
    }
}

#[tokio::test]
async fn b4_headers_of_version_2() {
    let padding = |length: usize| {
        let value = u16::try_from(length - 3).unwrap().to_be_bytes();
        [&[4][..], &value, &vec![0; length - 3]].concat()
    };
    let unix = [7; 216];
    let mut wrong_signature = v2(0x21, 0x11, FOUR);
    wrong_signature[11] = b'X';
    let mut short = v2(0x21, 0x11, FOUR);
    short.truncate(20);
    let mut longer_than_sent = v2(0x21, 0x11, FOUR);
    longer_than_sent[15] += 9;
    let mut longest = v2(0x21, 0x11, FOUR);
    longest[14..16].copy_from_slice(&[0xff, 0xff]);
    let cases: Vec<(Vec<u8>, Said)> = vec![
        (v2(0x21, 0x11, FOUR), of("192.0.2.7")),
        (v2(0x21, 0x21, &six("2001:db8::7")), of("2001:db8::7")),
        (v2(0x21, 0x21, &six("::ffff:192.0.2.7")), of("192.0.2.7")),
        (v2(0x21, 0x31, &unix), Ok(None)),
        (v2(0x21, 0x00, &[]), Ok(None)),
        (v2(0x20, 0x00, &[]), Ok(None)),
        (v2(0x20, 0x11, FOUR), Ok(None)),
        (v2(0x21, 0x11, &with(FOUR, &[4, 0, 0])), of("192.0.2.7")),
        (v2(0x21, 0x11, &with(FOUR, &padding(520 - 12))), of("192.0.2.7")),
        (v2(0x21, 0x11, &with(FOUR, &padding(521 - 12))), Err(Bad::TooLong)),
        (v2(0x21, 0x11, &with(FOUR, &[4, 0, 9, 1])), Err(Bad::Malformed)),
        (v2(0x21, 0x11, &with(FOUR, &[4])), Err(Bad::Malformed)),
        (v2(0x21, 0x11, &with(FOUR, &[4, 0xff, 0xff])), Err(Bad::Malformed)),
        (v2(0x21, 0x12, FOUR), Err(Bad::Malformed)),
        (v2(0x21, 0x11, &FOUR[..11]), Err(Bad::Malformed)),
        (v2(0x21, 0x11, &[]), Err(Bad::Malformed)),
        (v2(0x21, 0x21, FOUR), Err(Bad::Malformed)),
        (v2(0x11, 0x11, FOUR), Err(Bad::Malformed)),
        (v2(0x31, 0x11, FOUR), Err(Bad::Malformed)),
        (v2(0x22, 0x11, FOUR), Err(Bad::Malformed)),
        (v2(0x2f, 0x11, FOUR), Err(Bad::Malformed)),
        (v2(0x21, 0x41, FOUR), Err(Bad::Malformed)),
        (v2(0x21, 0x13, FOUR), Err(Bad::Malformed)),
        (longest, Err(Bad::TooLong)),
        (wrong_signature, Err(Bad::Malformed)),
        (short, Err(Bad::Cut)),
        (longer_than_sent, Err(Bad::Cut)),
    ];
    for (mut header, expected) in cases {
        if expected.is_ok() {
            header.extend(b"GET");
        }
        assert_eq!(said(&header).await, expected, "{header:?}");
    }
}

/// One byte a second, or none at all: two seconds, however it is spread.
#[tokio::test(start_paused = true)]
async fn b4_a_slow_header_ends_the_wait() {
    for bytes in ["", "PROXY TCP4 192.0.2.7 198.51.100.1 4711 443\r\n"] {
        let (mut hop, mut edge) = duplex(256);
        let began = tokio::time::Instant::now();
        let drip = tokio::spawn(async move {
            for byte in bytes.bytes() {
                let _ = hop.write_u8(byte).await;
                tokio::time::sleep(std::time::Duration::from_secs(1)).await;
            }
            tokio::time::sleep(std::time::Duration::from_secs(60)).await;
        });
        assert_eq!(read(&mut edge).await, Err(Bad::Late));
        assert_eq!(began.elapsed(), super::WITHIN);
        drip.abort();
    }
}
