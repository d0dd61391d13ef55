//! The other ways to reach a server: TLS, a Unix socket, a password; and what is said where they fail.

use redis::TlsCertificates;
use stanchion_admission::store::redis::{RedisOptions, RedisStore};
use stanchion_admission::store::{Store, StoreError};
use stanchion_testkit::{Redis, free_port, wait_until_async};

use crate::support::{is_inside, open, place, policy, somebody_inside};

#[tokio::test(flavor = "multi_thread")]
async fn tls_is_verified_against_the_given_certificate_and_no_other() {
    let folder = tempfile::tempdir().unwrap();
    let made = rcgen::generate_simple_self_signed(["localhost".to_owned()]).unwrap();
    let path = |name: &str| folder.path().join(name).to_str().unwrap().to_owned();
    std::fs::write(path("cert.pem"), made.cert.pem()).unwrap();
    std::fs::write(path("key.pem"), made.signing_key.serialize_pem()).unwrap();
    let port = free_port().to_string();
    let _redis = Redis::with(&[
        ("tls-port", &port),
        ("tls-cert-file", &path("cert.pem")),
        ("tls-key-file", &path("key.pem")),
        ("tls-ca-cert-file", &path("cert.pem")),
        ("tls-auth-clients", "no"),
    ]);
    let url = format!("rediss://localhost:{port}");
    let trusting = |pem: String| RedisOptions {
        tls: Some(TlsCertificates {
            client_tls: None,
            root_cert: Some(pem.into_bytes()),
        }),
        ..RedisOptions::default()
    };
    let store = RedisStore::connect(&url, trusting(made.cert.pem())).await.unwrap();
    let room = policy("sale");
    let session = somebody_inside(&store, &room).await;
    assert_eq!(is_inside(&store, &room, &session).await, Ok(true));

    let stranger = rcgen::generate_simple_self_signed(["localhost".to_owned()]).unwrap();
    let wary = RedisStore::open(&url, trusting(stranger.cert.pem())).unwrap();
    let refused = async || wary.status().trouble.is_some_and(|why| why.contains("certificate"));
    assert!(
        wait_until_async(std::time::Duration::from_secs(5), refused).await,
        "{:?}",
        wary.status()
    );
    assert!(!wary.status().connected);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_unix_socket_serves_as_well() {
    let folder = tempfile::tempdir().unwrap();
    let socket = folder.path().join("redis.sock");
    let _redis = Redis::with(&[("unixsocket", socket.to_str().unwrap())]);
    let store = open(&format!("redis+unix://{}", socket.display())).await;
    let room = policy("sale");
    somebody_inside(&store, &room).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_wrong_password_is_said_plainly_and_never_shown() {
    let redis = Redis::single();
    redis.run(&["CONFIG", "SET", "requirepass", "right-password"]);
    let store = open(&format!("redis://:wrong-password@{}", redis.address())).await;
    let (status, result) = (store.status(), store.claim(&policy("sale"), place(1)).await);
    let said = format!("{status:?} {result:?}");
    assert!(
        matches!(result, Err(StoreError::Away(_))) && !said.contains("wrong-password"),
        "{said}"
    );
    assert!(
        status.trouble.is_some_and(|why| why.to_lowercase().contains("auth")),
        "{said}"
    );
    let right = open(&format!("redis://:right-password@{}", redis.address())).await;
    somebody_inside(&right, &policy("sale")).await;
}
