//! The PROXY protocol, versions 1 and 2: what a trusted hop says of its client before the first byte of TLS or HTTP.
//! Reads no byte beyond the header. What the header means is `ppp`'s; how long it may be, and who may send one, is ours.

use std::io;
use std::net::IpAddr;
use std::time::Duration;

use ppp::{v1, v2};
use tokio::io::{AsyncRead, AsyncReadExt};
use tokio::time::timeout;

/// A hop sends it at once, in one segment.
const WITHIN: Duration = Duration::from_secs(2);
/// The longest of version 1, its line end included.
const MAX_V1: usize = 107;
/// The longest of version 2: addresses of any family and a few hundred bytes of extensions.
const MAX_V2: usize = 536;
/// What every header of version 2 begins with; no header of version 1 is shorter.
const SIGNATURE: &[u8; 12] = b"\r\n\r\n\0\r\nQUIT\n";
/// Signature, version and command, family and protocol, length of the rest.
const FIXED_V2: usize = 16;

/// Why there is no knowing who speaks.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Bad {
    /// Not in time.
    Late,
    /// The connection ended, or broke.
    Cut,
    /// No header, or one that is not as the protocol says.
    Malformed,
    TooLong,
}

/// The client that the hop speaks for; `None` where it speaks for itself (`UNKNOWN`, `LOCAL`: its own health checks) or
/// for somebody without an IP address.
pub async fn read(stream: &mut (impl AsyncRead + Unpin)) -> Result<Option<IpAddr>, Bad> {
    match timeout(WITHIN, read_header(stream)).await {
        Ok(read) => client(&read?),
        Err(_) => Err(Bad::Late),
    }
}

async fn read_header(stream: &mut (impl AsyncRead + Unpin)) -> Result<Vec<u8>, Bad> {
    let mut header = vec![0; SIGNATURE.len()];
    fill(stream, &mut header).await?;
    if header == SIGNATURE {
        header.resize(FIXED_V2, 0);
        fill(stream, &mut header[SIGNATURE.len()..]).await?;
        let rest = usize::from(u16::from_be_bytes([header[14], header[15]]));
        if FIXED_V2 + rest > MAX_V2 {
            return Err(Bad::TooLong);
        }
        header.resize(FIXED_V2 + rest, 0);
        fill(stream, &mut header[FIXED_V2..]).await?;
        return Ok(header);
    }
    if !header.starts_with(b"PROXY ") {
        return Err(Bad::Malformed);
    }
    while !header.ends_with(b"\r\n") {
        if header.len() == MAX_V1 {
            return Err(Bad::TooLong);
        }
        let mut byte = [0];
        fill(stream, &mut byte).await?;
        header.extend(byte);
    }
    Ok(header)
}

async fn fill(stream: &mut (impl AsyncRead + Unpin), bytes: &mut [u8]) -> Result<(), Bad> {
    let read: io::Result<_> = stream.read_exact(bytes).await;
    read.map(drop).map_err(|_| Bad::Cut)
}

/// What a whole header says.
fn client(header: &[u8]) -> Result<Option<IpAddr>, Bad> {
    if header.starts_with(SIGNATURE) {
        client_v2(header)
    } else {
        client_v1(header)
    }
}

fn client_v1(header: &[u8]) -> Result<Option<IpAddr>, Bad> {
    // `+80` is a number to a parser of numbers, and no port.
    if header.contains(&b'+') {
        return Err(Bad::Malformed);
    }
    let parsed = v1::Header::try_from(header).map_err(|_| Bad::Malformed)?;
    if parsed.header.len() != header.len() {
        return Err(Bad::Malformed);
    }
    Ok(match parsed.addresses {
        v1::Addresses::Unknown => None,
        v1::Addresses::Tcp4(addresses) => Some(addresses.source_address.into()),
        v1::Addresses::Tcp6(addresses) => Some(addresses.source_address.to_canonical()),
    })
}

fn client_v2(header: &[u8]) -> Result<Option<IpAddr>, Bad> {
    let parsed = v2::Header::try_from(header).map_err(|_| Bad::Malformed)?;
    if parsed.command == v2::Command::Local {
        return Ok(None);
    }
    if parsed.protocol == v2::Protocol::Datagram || parsed.tlvs().any(|extension| extension.is_err()) {
        return Err(Bad::Malformed);
    }
    Ok(match parsed.addresses {
        v2::Addresses::IPv4(addresses) => Some(addresses.source_address.into()),
        v2::Addresses::IPv6(addresses) => Some(addresses.source_address.to_canonical()),
        v2::Addresses::Unspecified | v2::Addresses::Unix(_) => None,
    })
}

#[cfg(test)]
#[path = "preface/tests.rs"]
mod tests;
