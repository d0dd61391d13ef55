//! The sample `redis.conf` and its users in a real server, on a socket of its own.

use std::fs;
use std::io::{BufRead, BufReader, Write};
use std::os::unix::net::UnixStream;
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::time::Duration;

use super::{read, root};

struct Server(Child);

impl Drop for Server {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

/// Starts Redis with the sample, in `folder` instead of the system's folders, and waits for its word that it is ready.
fn start(folder: &Path) -> Server {
    let users = read("deploy/redis/users.acl").replace("REPLACE-EDGE-PASSWORD", "a-test-password");
    fs::write(folder.join("users.acl"), users).unwrap();
    let child = Command::new("redis-server")
        .arg(root().join("deploy/redis/redis.conf"))
        .args(["--port", "0", "--daemonize", "no", "--dir"])
        .arg(folder)
        .arg("--unixsocket")
        .arg(folder.join("redis.sock"))
        .arg("--aclfile")
        .arg(folder.join("users.acl"))
        .stdout(Stdio::piped())
        .spawn();
    let mut server =
        Server(child.unwrap_or_else(|error| panic!("redis-server: {error}; apt-get install redis-server")));
    let lines = BufReader::new(server.0.stdout.take().unwrap())
        .lines()
        .map_while(Result::ok);
    let mut told = Vec::new();
    for line in lines {
        told.push(line);
        if told
            .last()
            .is_some_and(|line| line.contains("ready to accept connections"))
        {
            return server;
        }
    }
    panic!("redis-server ended:\n{}", told.join("\n"));
}

/// A3, F8: the server keeps the line's data, and an edge's password opens nothing else.
#[test]
fn redis_starts_with_the_sample_and_its_users() {
    let folder = tempfile::tempdir().unwrap();
    let _server = start(folder.path());
    let stream = UnixStream::connect(folder.path().join("redis.sock")).unwrap();
    stream.set_read_timeout(Some(Duration::from_secs(5))).unwrap();
    let mut answers = BufReader::new(stream.try_clone().unwrap());
    let mut ask = |command: &str| {
        (&stream).write_all(format!("{command}\r\n").as_bytes()).unwrap();
        let mut line = String::new();
        answers.read_line(&mut line).unwrap();
        line.trim_end().to_owned()
    };
    assert!(ask("PING").starts_with("-NOAUTH"), "the default user is off");
    assert_eq!(ask("AUTH stanchion a-test-password"), "+OK");
    assert_eq!(ask("PING"), "+PONG");
    assert_eq!(ask("ZADD stanchion:{sale}:queue 1 somebody"), ":1");
    for denied in [
        "FLUSHALL",
        "CONFIG GET maxmemory",
        "KEYS *",
        "GET secret",
        "ACL LIST",
        "EVAL return(1) 0",
        "ZADD other 1 x",
    ] {
        assert!(ask(denied).starts_with("-NOPERM"), "{denied} is allowed");
    }
    let script = ask("SCRIPT LOAD return(1)");
    assert!(script.starts_with('$'), "scripts can be loaded: {script}");
    let conf = read("deploy/redis/redis.conf");
    for needed in ["maxmemory-policy noeviction", "appendonly yes", "appendfsync everysec"] {
        assert!(conf.lines().any(|line| line == needed), "{needed}");
    }
}
