//! The bounds against real sockets.

use super::*;
use axum::routing::get;
use tokio::io::{AsyncReadExt, AsyncWriteExt};

async fn bounded(bounds: Bounds) -> (Bounded, SocketAddr) {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    (Bounded::new(listener, bounds), address)
}

async fn served(bounds: Bounds) -> SocketAddr {
    let (bounded, address) = bounded(bounds).await;
    let router = Router::new().route("/", get(|| async { "here" }));
    tokio::spawn(serve(bounded, router, std::future::pending()));
    address
}

async fn answer_to(address: SocketAddr, bytes: &[u8]) -> String {
    let mut client = TcpStream::connect(address).await.unwrap();
    // A server that refuses may close before all is sent.
    let _ = client.write_all(bytes).await;
    let mut answer = Vec::new();
    let reading = client.read_to_end(&mut answer);
    let _ = tokio::time::timeout(Duration::from_secs(20), reading)
        .await
        .expect("an end");
    String::from_utf8_lossy(&answer).into_owned()
}

/// H9: a client that says nothing is let go.
#[tokio::test]
async fn h9_silence_ends_a_connection() {
    let silence = Duration::from_millis(50);
    let (bounded, address) = bounded(Bounds {
        silence,
        ..Bounds::default()
    })
    .await;
    let mut client = TcpStream::connect(address).await.unwrap();
    let (mut connection, _) = bounded.accept().await;
    client.write_all(b"x").await.unwrap();
    assert_eq!(connection.read_u8().await.unwrap(), b'x');
    assert_eq!(connection.read_u8().await.unwrap_err().kind(), io::ErrorKind::TimedOut);
}

/// H9: a client that takes nothing is let go, too.
#[tokio::test]
async fn h9_a_client_that_takes_nothing_is_let_go() {
    let silence = Duration::from_millis(50);
    let (bounded, address) = bounded(Bounds {
        silence,
        ..Bounds::default()
    })
    .await;
    let _client = TcpStream::connect(address).await.unwrap();
    let (mut connection, _) = bounded.accept().await;
    let much = vec![0; 1 << 20];
    let ended = async { while connection.write_all(&much).await.is_ok() {} };
    tokio::time::timeout(Duration::from_secs(20), ended)
        .await
        .expect("an end");
}

/// H9: a head that drips in is cut off at its deadline, however lively it is.
#[tokio::test]
async fn h9_a_dripping_head_is_cut_off() {
    let head = Duration::from_millis(300);
    let address = served(Bounds {
        head,
        ..Bounds::default()
    })
    .await;
    let mut client = TcpStream::connect(address).await.unwrap();
    client.write_all(b"GET / HTTP/1.1\r\nHost: a\r\n").await.unwrap();
    let began = Instant::now();
    while client.write_all(b"X-A: b\r\n").await.is_ok() {
        assert!(began.elapsed() < Duration::from_secs(20), "it drips on and on");
        sleep(Duration::from_millis(10)).await;
    }
    assert!(began.elapsed() >= head, "{:?}", began.elapsed());
}

/// H10: heads are bounded in bytes and fields; what fits is answered.
#[tokio::test]
async fn h10_large_heads_are_refused() {
    let address = served(Bounds::default()).await;
    let request = |fields: String| format!("GET / HTTP/1.1\r\nHost: a\r\nConnection: close\r\n{fields}\r\n");
    let ordinary = answer_to(address, request(String::new()).as_bytes()).await;
    assert!(
        ordinary.starts_with("HTTP/1.1 200") && ordinary.ends_with("here"),
        "{ordinary}"
    );
    for fields in [
        "X-A: b\r\n".repeat(MAX_FIELDS),
        format!("X-A: {}\r\n", "b".repeat(MAX_HEAD_BYTES)),
    ] {
        let refused = answer_to(address, request(fields).as_bytes()).await;
        assert!(refused.is_empty() || refused.starts_with("HTTP/1.1 431"), "{refused}");
    }
}

/// Health and something else, behind these bounds.
async fn plane(bounds: Bounds) -> SocketAddr {
    let (bounded, address) = bounded(bounds).await;
    let router = Router::new()
        .route("/healthz", get(|| async { "ok" }))
        .route("/readyz", get(|| async { "ready" }))
        .route("/", get(|| async { "here" }));
    tokio::spawn(serve(bounded, router, std::future::pending()));
    address
}

async fn ask(address: SocketAddr, path: &str) -> String {
    answer_to(address, format!("GET {path} HTTP/1.1\r\nHost: a\r\n\r\n").as_bytes()).await
}

/// A connection that is served and then idle: it has a seat and keeps it.
async fn seated(address: SocketAddr) -> TcpStream {
    let mut client = TcpStream::connect(address).await.unwrap();
    client.write_all(b"GET / HTTP/1.1\r\nHost: a\r\n\r\n").await.unwrap();
    let mut answer = [0; 12];
    client.read_exact(&mut answer).await.unwrap();
    assert_eq!(&answer, b"HTTP/1.1 200");
    client
}

/// H11: with every seat taken by idle clients, health is answered at once, nothing else is, and a seat that is given
/// back serves again.
#[tokio::test]
async fn h11_beyond_the_bound_health_alone_is_answered() {
    let address = plane(Bounds {
        connections: 2,
        ..Bounds::default()
    })
    .await;
    let idle = (seated(address).await, seated(address).await);
    let began = Instant::now();
    for path in ["/healthz", "/readyz"] {
        let answer = ask(address, path).await;
        assert!(
            answer.starts_with("HTTP/1.1 200") && answer.to_lowercase().contains("connection: close"),
            "{path}: {answer}"
        );
    }
    assert!(began.elapsed() < Duration::from_secs(1), "{:?}", began.elapsed());
    let refused = ask(address, "/").await;
    assert!(
        refused.starts_with("HTTP/1.1 503") && refused.contains("too-many-connections"),
        "{refused}"
    );
    drop(idle);
    let until = Instant::now() + Duration::from_secs(20);
    let closing = b"GET / HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n";
    while !answer_to(address, closing).await.starts_with("HTTP/1.1 200") {
        assert!(Instant::now() < until, "the seats are not given back");
    }
}

/// H9, H11: silent and dripping clients that fill the reserve, too, push each other out, not the health check; and none
/// of them stays.
#[tokio::test]
async fn h11_slow_clients_do_not_hold_the_reserve() {
    let address = plane(Bounds {
        connections: 1,
        reserve: 4,
        reserve_life: Duration::from_millis(500),
        ..Bounds::default()
    })
    .await;
    let _idle = seated(address).await;
    let mut slow = Vec::new();
    for number in 0..20 {
        let mut client = TcpStream::connect(address).await.unwrap();
        if number % 2 == 0 {
            client.write_all(b"GET /healthz HTTP/1.1\r\nHo").await.unwrap();
        }
        slow.push(client);
        let began = Instant::now();
        let answer = ask(address, "/healthz").await;
        assert!(answer.starts_with("HTTP/1.1 200"), "after {number}: {answer}");
        assert!(
            began.elapsed() < Duration::from_millis(400),
            "after {number}: {:?}",
            began.elapsed()
        );
    }
    for mut client in slow {
        let ended = timeout(Duration::from_secs(20), client.read_to_end(&mut Vec::new())).await;
        assert!(ended.is_ok(), "it is let go");
    }
}
