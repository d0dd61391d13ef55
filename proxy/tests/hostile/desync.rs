//! Attackers and victims over HTTP/2, sharing the edge's connections to one origin (Pingora's issue #935).

use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use bytes::Bytes;

use super::Stand;

/// Each attacker's share; before the 411 the first few did the damage.
const MAX_ATTACKS: usize = 2_000;

/// A client of the `h2` crate on a connection of its own.
pub async fn client(at: SocketAddr) -> h2::client::SendRequest<Bytes> {
    let tcp = tokio::net::TcpStream::connect(at).await.unwrap();
    let (client, connection) = h2::client::handshake(tcp).await.unwrap();
    tokio::spawn(connection);
    client
}

async fn exchange(
    client: &mut h2::client::SendRequest<Bytes>,
    method: &str,
    path: &str,
    body: Option<&[&'static [u8]]>,
    length: bool,
) -> Option<(u16, Vec<u8>)> {
    let mut request = http::Request::builder().method(method).uri(format!("http://a{path}"));
    if let (Some(parts), true) = (body, length) {
        request = request.header("content-length", parts.iter().map(|p| p.len()).sum::<usize>());
    }
    *client = client.clone().ready().await.ok()?;
    let (response, mut stream) = client.send_request(request.body(()).unwrap(), body.is_none()).ok()?;
    if let Some(parts) = body {
        for part in parts {
            let _ = stream.send_data(Bytes::from_static(part), false);
        }
        let _ = stream.send_data(Bytes::new(), true);
    }
    let response = response.await.ok()?;
    let status = response.status().as_u16();
    let (mut body, mut all) = (response.into_body(), Vec::new());
    while let Some(Ok(bytes)) = body.data().await {
        let _ = body.flow_control().release_capacity(bytes.len());
        all.extend_from_slice(&bytes);
    }
    Some((status, all))
}

/// Attacks until the victims are through; counts refusals. With a length, the same body is let through: harmless, by
/// now.
pub async fn attack(stand: Arc<Stand>, left: Arc<AtomicUsize>, n: usize) -> usize {
    let mut refused = 0;
    let mut attacker = client(stand.at).await;
    while left.load(Ordering::Relaxed) > 0 && refused < MAX_ATTACKS {
        let path = format!("/attack{n}");
        match exchange(&mut attacker, "POST", &path, Some(&[b"x", b""]), refused % 4 == 3).await {
            Some((411, _)) => refused += 1,
            Some((200, _)) => refused += 1,
            Some(other) => panic!("an attack was answered {other:?}"),
            None => attacker = client(stand.at).await,
        }
    }
    refused
}

/// Makes requests that only their own answer fits; counts the right ones.
pub async fn be_served(stand: Arc<Stand>, left: Arc<AtomicUsize>, n: usize) -> usize {
    let mut right = 0;
    let mut victim = client(stand.at).await;
    loop {
        let ours = left.fetch_update(Ordering::Relaxed, Ordering::Relaxed, |left| left.checked_sub(1));
        let Ok(number) = ours else { return right };
        let path = format!("/who?victim={n}.{number}");
        let (status, body) = exchange(&mut victim, "GET", &path, None, false)
            .await
            .expect("a victim was cut off");
        let expected = format!("GET {path} HTTP/1.1\r\n");
        right += usize::from(status == 200 && body.starts_with(expected.as_bytes()));
    }
}
