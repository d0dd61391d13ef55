//! Every error that a server may answer, from a server that answers just that (F7).

use std::time::Duration;

use stanchion_admission::policy::LiveSettings;
use stanchion_admission::store::{Claim, Store, StoreError};
use stanchion_testkit::wait_until_async;

use crate::fake::{Fake, well};
use crate::support::{CALL_MOST, open, place, policy, timed};

#[tokio::test]
async fn f7_what_passes_is_asked_once_more_and_no_more() {
    let fake = Fake::start().await;
    let (store, room) = (open(&fake.url()).await, policy("sale"));
    let passing = [
        "-TRYAGAIN Multiple keys request during rehashing of slot",
        "-CLUSTERDOWN The cluster is down",
        "-LOADING Redis is loading the dataset in memory",
        "-BUSY Redis is busy running a script. You can only call SCRIPT KILL or SHUTDOWN NOSAVE.",
    ];
    for line in passing {
        fake.fail(1, line);
        let (result, took) = timed(store.claim(&room, place(1))).await;
        assert_eq!(result, Ok(Claim::Waiting), "{line}");
        assert!(took <= CALL_MOST, "{line}: {took:?}");
        assert_eq!(fake.asked(), ["EVALSHA", "EVALSHA"], "{line}");
        // One bad, many good: the breaker stays closed for the next line.
        for _ in 0..8 {
            store.claim(&room, place(1)).await.unwrap();
        }
        fake.fail(u64::MAX, line);
        let (result, took) = timed(store.claim(&room, place(1))).await;
        assert!(matches!(result, Err(StoreError::Away(_))), "{line}: {result:?}");
        assert!(
            took <= CALL_MOST && fake.asked().len() == 2,
            "{line}: {took:?} {:?}",
            fake.asked()
        );
        fake.answer(well);
        for _ in 0..8 {
            store.claim(&room, place(1)).await.unwrap();
        }
    }
}

#[tokio::test]
async fn f7_what_does_not_pass_is_refused_at_once() {
    let fake = Fake::start().await;
    let (store, room) = (open(&fake.url()).await, policy("sale"));
    let lasting = [
        "-OOM command not allowed when used memory > 'maxmemory'.",
        "-NOPERM User stanchion has no permissions to run the 'evalsha' command",
        "-NOAUTH Authentication required.",
        "-CROSSSLOT Keys in request don't hash to the same slot",
        "-ERR user_script:1: wrong number of args",
        "-SOMETHING new",
    ];
    for line in lasting {
        fake.fail(u64::MAX, line);
        let result = store.claim(&room, place(1)).await;
        assert!(matches!(result, Err(StoreError::Refused(_))), "{line}: {result:?}");
        assert_eq!(fake.asked(), ["EVALSHA"], "{line}");
    }
}

#[tokio::test]
async fn f6_a_forgotten_script_is_loaded_and_run_within_the_same_call() {
    let fake = Fake::start().await;
    let (store, room) = (open(&fake.url()).await, policy("sale"));
    fake.fail(1, "-NOSCRIPT No matching script. Please use EVAL.");
    assert_eq!(store.claim(&room, place(1)).await, Ok(Claim::Waiting));
    assert_eq!(fake.asked(), ["EVALSHA", "SCRIPT", "EVALSHA"]);
    fake.fail(u64::MAX, "-NOSCRIPT No matching script. Please use EVAL.");
    let result = store.claim(&room, place(1)).await;
    assert!(matches!(result, Err(StoreError::Refused(_))), "{result:?}");
    assert_eq!(
        fake.asked().iter().filter(|name| *name == "EVALSHA").count(),
        2,
        "bounded"
    );
}

#[tokio::test]
async fn f7_a_server_that_is_master_no_more_is_left_for_another_connection() {
    let fake = Fake::start().await;
    let (store, room) = (open(&fake.url()).await, policy("sale"));
    for line in [
        "-READONLY You can't write against a read only replica.",
        "-MOVED 3999 127.0.0.1:6381",
        "-ASK 3999 127.0.0.1:6381",
    ] {
        let before = fake.connections();
        fake.fail(1, line);
        let result = store.claim(&room, place(1)).await;
        assert!(matches!(result, Err(StoreError::Away(_))), "{line}: {result:?}");
        let again = async || fake.connections() > before && store.claim(&room, place(1)).await.is_ok();
        assert!(wait_until_async(Duration::from_secs(3), again).await, "{line}");
    }
}

/// Writing settings twice would conflict with itself: that one is never asked again.
#[tokio::test]
async fn settings_are_put_once() {
    let fake = Fake::start().await;
    let (store, room) = (open(&fake.url()).await, policy("sale"));
    fake.fail(1, "-TRYAGAIN");
    let result = store.settings_put(&room, 0, LiveSettings::default()).await;
    assert!(matches!(result, Err(StoreError::Away(_))), "{result:?}");
    assert_eq!(fake.asked(), ["EVALSHA"]);
}

#[tokio::test]
async fn an_answer_that_makes_no_sense_is_said_to_be_so() {
    let fake = Fake::start().await;
    let (store, room) = (open(&fake.url()).await, policy("sale"));
    for answer in [
        "$-1\r\n",
        ":7\r\n",
        "+OK\r\n",
        "*0\r\n",
        "*1\r\n:9\r\n",
        "*1\r\n$1\r\nx\r\n",
        "*4\r\n:1\r\n:-1\r\n:2\r\n:3\r\n",
    ] {
        fake.answer(move |name| {
            if name == "EVALSHA" {
                Some(answer.into())
            } else {
                well(name)
            }
        });
        let result = store.claim(&room, place(1)).await;
        assert!(matches!(result, Err(StoreError::Nonsense(_))), "{answer:?}: {result:?}");
    }
}

#[tokio::test]
async fn f1_garbage_silence_and_half_an_answer_end_in_time_and_heal() {
    let fake = Fake::start().await;
    let (store, room) = (open(&fake.url()).await, policy("sale"));
    let broken: [Option<&'static [u8]>; 5] = [
        None,
        Some(b""),
        Some(b"*1\r\n"),
        Some(b"HTTP/1.1 400 Bad Request\r\n\r\n"),
        Some(b"*99999999\r\n$-7\r\n"),
    ];
    for bytes in broken {
        fake.answer(move |name| {
            if name == "EVALSHA" {
                bytes.map(<[u8]>::to_vec)
            } else {
                well(name)
            }
        });
        let (result, took) = timed(store.claim(&room, place(1))).await;
        assert!(result.is_err() && took <= CALL_MOST, "{bytes:?}: {result:?} {took:?}");
        fake.answer(well);
        let healed = wait_until_async(Duration::from_secs(5), async || {
            store.claim(&room, place(1)).await.is_ok()
        })
        .await;
        assert!(healed, "{bytes:?}: {:?}", store.status());
        for _ in 0..8 {
            store.claim(&room, place(1)).await.unwrap();
        }
    }
}
