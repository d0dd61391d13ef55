//! A master, its replicas and three sentinels with short timeouts: a killed master is replaced in
//! about two seconds.

use std::process::Command;
use std::time::Duration;

use tempfile::TempDir;

use super::resp::{Connection, Value};
use super::{Redis, await_ready, spawn_logged};
use crate::net::{free_port, wait_until};
use crate::process::Process;

const MASTER_NAME: &str = "line";
const SENTINELS: usize = 3;
const FORMED_WITHIN: Duration = Duration::from_secs(20);

/// Dropping it ends every process.
#[derive(Debug)]
pub struct RedisSentinel {
    /// The servers, the first master first. Who is master later: [`RedisSentinel::master_port`].
    pub servers: Vec<Redis>,
    pub sentinels: Vec<Sentinel>,
}

/// One sentinel process.
#[derive(Debug)]
pub struct Sentinel {
    port: u16,
    process: Process,
    _dir: TempDir,
}

impl RedisSentinel {
    /// # Panics
    /// Where the servers do not find each other.
    #[must_use]
    pub fn start(replicas: usize) -> RedisSentinel {
        let master = Redis::single();
        let primary = format!("127.0.0.1 {}", master.port());
        let mut servers = vec![master];
        servers.extend((0..replicas).map(|_| Redis::with(&[("replicaof", &primary)])));
        let watched = servers[0].port();
        let sentinels = (0..SENTINELS).map(|_| Sentinel::start(watched)).collect();
        let group = RedisSentinel { servers, sentinels };
        assert!(
            wait_until(FORMED_WITHIN, || group.is_formed()),
            "the sentinels did not find each other"
        );
        group
    }

    /// `redis+sentinel://host:port,host:port,host:port/line`.
    #[must_use]
    pub fn url(&self) -> String {
        let hosts: Vec<_> = self.sentinels.iter().map(|s| format!("127.0.0.1:{}", s.port)).collect();
        format!("redis+sentinel://{}/{MASTER_NAME}", hosts.join(","))
    }

    #[must_use]
    pub fn master_name(&self) -> &'static str {
        MASTER_NAME
    }

    /// The port of the master as the first reachable sentinel sees it.
    #[must_use]
    pub fn master_port(&self) -> Option<u16> {
        self.sentinels.iter().find_map(|sentinel| {
            let mut connection = Connection::open(sentinel.port).ok()?;
            let answer = connection
                .try_command(&["SENTINEL", "GET-MASTER-ADDR-BY-NAME", MASTER_NAME])
                .ok()?;
            answer.items().get(1)?.text().parse().ok()
        })
    }

    /// Index in `servers` of the present master.
    ///
    /// # Panics
    /// Where no sentinel knows a master of ours.
    #[must_use]
    pub fn master(&self) -> usize {
        let port = self.master_port().expect("a sentinel must know the master");
        self.servers
            .iter()
            .position(|s| s.port() == port)
            .expect("the master must be one of ours")
    }

    /// From now on nothing that the master writes reaches this replica, as behind a cut line: it keeps failing to log in.
    /// (Stopping the replica would not do: what the kernel holds for it arrives later.) Undone by a restart.
    ///
    /// # Panics
    /// Where the link does not end.
    pub fn cut_off(&self, replica: usize) {
        let (master, replica) = (&self.servers[self.master()], &self.servers[replica]);
        replica.run(&["CONFIG", "SET", "masterauth", "wrong"]);
        master.run(&["CLIENT", "KILL", "TYPE", "replica"]);
        let alone = || {
            master
                .info("replication")
                .get("connected_slaves")
                .is_some_and(|n| n == "0")
        };
        assert!(wait_until(FORMED_WITHIN, alone), "the replica is still connected");
    }

    fn is_formed(&self) -> bool {
        let replicas = (self.servers.len() - 1).to_string();
        let others = (self.sentinels.len() - 1).to_string();
        let linked = |server: &Redis| {
            server
                .info("replication")
                .get("master_link_status")
                .is_some_and(|s| s == "up")
        };
        self.servers.iter().skip(1).all(linked)
            && self.sentinels.iter().all(|sentinel| {
                let field = |name: &str| sentinel.master_field(name);
                field("num-slaves").as_ref() == Some(&replicas)
                    && field("num-other-sentinels").as_ref() == Some(&others)
                    && field("flags").is_some_and(|flags| flags == "master")
            })
    }
}

impl Sentinel {
    fn start(watched: u16) -> Sentinel {
        let dir = tempfile::Builder::new()
            .prefix("stanchion-sentinel-")
            .tempdir()
            .expect("a temporary folder");
        let port = free_port();
        let file = dir.path().join("sentinel.conf");
        let text = format!(
            "port {port}\nbind 127.0.0.1\ndir {}\n\
             sentinel monitor {MASTER_NAME} 127.0.0.1 {watched} 2\n\
             sentinel down-after-milliseconds {MASTER_NAME} 500\n\
             sentinel failover-timeout {MASTER_NAME} 3000\n",
            dir.path().display()
        );
        std::fs::write(&file, text).expect("the sentinel's configuration must be writable");
        let mut process = spawn_logged(Command::new("redis-server").arg(&file).arg("--sentinel"), dir.path());
        if let Err(why) = await_ready(&mut process, dir.path(), port) {
            panic!("a sentinel did not start: {why}");
        }
        Sentinel {
            port,
            process,
            _dir: dir,
        }
    }

    #[must_use]
    pub fn port(&self) -> u16 {
        self.port
    }

    pub fn kill(&mut self) {
        self.process.kill();
    }

    fn master_field(&self, name: &str) -> Option<String> {
        let mut connection = Connection::open(self.port).ok()?;
        let answer = connection.try_command(&["SENTINEL", "MASTER", MASTER_NAME]).ok()?;
        let pairs = answer.items();
        let at = pairs.iter().position(|value| *value == Value::Bulk(name.into()))?;
        Some(pairs.get(at + 1)?.text())
    }
}
