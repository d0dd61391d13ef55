//! A3: the documented users can do everything that is ours and nothing else. The lines are read from docs/REDIS.md.

use stanchion_admission::limits::Algorithm;
use stanchion_admission::limits::global::{Charge, Counts, Report};
use stanchion_admission::policy::LiveSettings;
use stanchion_admission::store::redis::url::Credentials;
use stanchion_admission::store::redis::{RedisOptions, RedisStore};
use stanchion_admission::store::{EdgeMemory, End, Session, Store};
use stanchion_testkit::Redis;

use crate::support::{is_inside, place, policy, somebody_inside, tick};

const DOCUMENT: &str = include_str!("../../../docs/REDIS.md");

/// A server with both users, and nobody else.
fn guarded() -> Redis {
    // So that only the user's rights stand in the way.
    let redis = Redis::with(&[("enable-debug-command", "yes"), ("enable-module-command", "yes")]);
    for line in DOCUMENT.lines().filter(|line| line.starts_with("user ")) {
        let words: Vec<_> = std::iter::once("ACL")
            .chain(std::iter::once("SETUSER"))
            .chain(line.split(' ').skip(1))
            .collect();
        redis.run(&words);
    }
    redis.run(&["SET", "other", "secret"]);
    redis.run(&["ACL", "SETUSER", "admin", "on", ">admin", "~*", "&*", "+@all"]);
    redis
}

async fn edge(redis: &Redis) -> RedisStore {
    let loader = Credentials {
        user: Some("stanchion-loader".to_owned()),
        password: Some("LOADER_PASSWORD".to_owned()),
    };
    let options = RedisOptions {
        loader: Some(loader),
        ..RedisOptions::default()
    };
    let url = format!("redis://stanchion:EDGE_PASSWORD@{}", redis.address());
    RedisStore::connect(&url, options).await.unwrap()
}

#[tokio::test(flavor = "multi_thread")]
async fn a3_the_edge_s_user_can_run_every_operation() {
    let redis = guarded();
    let (store, room) = (edge(&redis).await, policy("sale"));
    let session = somebody_inside(&store, &room).await;
    store.join(&room, &[place(2), place(3)]).await.unwrap();
    store.present(&room, &[place(2)]).await.unwrap();
    assert_eq!(is_inside(&store, &room, &session).await, Ok(true));
    let unknown = Session {
        place: place(4),
        ..session
    };
    store.touch(&room, &[session, unknown]).await.unwrap();
    store.spent(&room, &[place(5)]).await.unwrap();
    store.settings_put(&room, 0, LiveSettings::default()).await.unwrap();
    tokio::time::sleep(std::time::Duration::from_millis(2_100)).await;
    let working = tick(&store, &room, &EdgeMemory::default()).await.unwrap();
    assert_eq!(working.admitted, 1, "a working tick that grants: {working:?}");
    store.end(&room, session.place, End::Revoked).await.unwrap();
    store.health().await.unwrap();
    let algorithm = Algorithm::TokenBucket {
        count: 5,
        window_us: 1_000_000,
    };
    let charge = Charge {
        name: 1,
        algorithm,
        cost: 1,
        shadow: false,
    };
    store.exact(&[charge]).await.unwrap();
    let report = Report {
        name: 2,
        algorithm,
        spent: 1,
        keeps: 0,
        wants: 1,
        needs: 1,
    };
    store.sync(1, &[report]).await.unwrap();
    redis.run(&["SCRIPT", "FLUSH"]);
    store.health().await.unwrap();
    assert!(store.status().connected && store.status().trouble.is_none());
}

#[tokio::test(flavor = "multi_thread")]
async fn a3_a_stolen_password_reads_nothing_else_and_loads_no_code() {
    let redis = guarded();
    let key = "stanchion:{sale}:state";
    let denied: &[&[&str]] = &[
        &["GET", "other"],
        &["GET", key],
        &["DEL", key],
        &["HGETALL", key],
        &["HSET", "other:{x}", "a", "1"],
        &["ZADD", "other", "1", "x"],
        &["RENAME", key, "other"],
        &["COPY", key, "other"],
        &["DUMP", key],
        &["KEYS", "*"],
        &["SCAN", "0"],
        &["RANDOMKEY"],
        &["DBSIZE"],
        &["FLUSHALL"],
        &["FLUSHDB"],
        &["SWAPDB", "0", "1"],
        &["EVAL", "return 1", "0"],
        &["EVAL_RO", "return 1", "0"],
        &["SCRIPT", "LOAD", "return 1"],
        &["SCRIPT", "FLUSH"],
        &["SCRIPT", "KILL"],
        &["FUNCTION", "LOAD", "x"],
        &["FUNCTION", "FLUSH"],
        &["FCALL", "x", "0"],
        &["CONFIG", "GET", "*"],
        &["CONFIG", "SET", "dir", "/tmp"],
        &["CONFIG", "REWRITE"],
        &["ACL", "LIST"],
        &["ACL", "SETUSER", "x"],
        &["ACL", "GETUSER", "default"],
        &["DEBUG", "SLEEP", "0"],
        &["MODULE", "LIST"],
        &["MODULE", "LOAD", "x"],
        &["SAVE"],
        &["BGSAVE"],
        &["SHUTDOWN"],
        &["REPLICAOF", "127.0.0.1", "1"],
        &["MIGRATE", "127.0.0.1", "1", key, "0", "1"],
        &["MONITOR"],
        &["CLIENT", "LIST"],
        &["CLIENT", "KILL", "TYPE", "normal"],
        &["SUBSCRIBE", "x"],
        &["PUBLISH", "x", "y"],
        &["CLUSTER", "RESET"],
        &["CLUSTER", "NODES"],
        &["SYNC"],
        &["PSYNC", "?", "-1"],
        &["SLOWLOG", "GET"],
        &["LATENCY", "DOCTOR"],
        &["MEMORY", "DOCTOR"],
        &["OBJECT", "ENCODING", key],
        &["SORT", key],
    ];
    for (user, password) in [("stanchion", "EDGE_PASSWORD"), ("stanchion-loader", "LOADER_PASSWORD")] {
        for command in denied {
            if user == "stanchion-loader" && command.starts_with(&["SCRIPT", "LOAD"]) {
                continue;
            }
            let mut connection = redis.connect();
            assert_eq!(connection.command(&["AUTH", user, password]).text(), "OK");
            let answer = connection.command(command).text();
            assert!(answer.starts_with("NOPERM"), "{user} {command:?}: {answer}");
        }
    }
}

/// Code that the loader was made to load still runs with the rights of whoever calls it.
#[tokio::test(flavor = "multi_thread")]
async fn a3_loaded_code_cannot_leave_the_keys_of_the_edge() {
    let redis = guarded();
    let sha1 = redis
        .run(&["SCRIPT", "LOAD", "return redis.call('HGET', KEYS[1], 'x')"])
        .text();
    let mut connection = redis.connect();
    assert_eq!(connection.command(&["AUTH", "stanchion", "EDGE_PASSWORD"]).text(), "OK");
    assert!(connection.command(&["EVALSHA", &sha1, "1", "other"]).is_error());
    let sha1 = redis.run(&["SCRIPT", "LOAD", "return redis.call('FLUSHALL')"]).text();
    assert!(
        connection
            .command(&["EVALSHA", &sha1, "1", "stanchion:{sale}:state"])
            .is_error()
    );
    assert_eq!(redis.run(&["GET", "other"]).text(), "secret");
}
