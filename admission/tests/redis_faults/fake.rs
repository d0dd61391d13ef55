//! A server that answers what a test tells it to.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use parking_lot::Mutex;
use tokio::io::{AsyncBufReadExt, AsyncReadExt, AsyncWriteExt, BufReader};
use tokio::net::{TcpListener, TcpStream};
use tokio::task::JoinHandle;

type Command = Vec<Vec<u8>>;
/// The raw answer to a command; `None` ends the connection.
type Answer = Box<dyn Fn(&str) -> Option<Vec<u8>> + Send + Sync>;

pub struct Fake {
    port: u16,
    shared: Arc<Shared>,
    task: JoinHandle<()>,
}

struct Shared {
    answer: Mutex<Answer>,
    commands: Mutex<Vec<String>>,
    connections: AtomicU64,
}

impl Fake {
    /// Well at first: every script answers `{0}`.
    pub async fn start() -> Fake {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let port = listener.local_addr().unwrap().port();
        let answer: Mutex<Answer> = Mutex::new(Box::new(well));
        let shared = Arc::new(Shared {
            answer,
            commands: Mutex::default(),
            connections: AtomicU64::new(0),
        });
        let serving = Arc::clone(&shared);
        let task = tokio::spawn(async move {
            while let Ok((stream, _)) = listener.accept().await {
                serving.connections.fetch_add(1, Ordering::Relaxed);
                tokio::spawn(serve(stream, Arc::clone(&serving)));
            }
        });
        Fake { port, shared, task }
    }

    pub fn url(&self) -> String {
        format!("redis://127.0.0.1:{}", self.port)
    }

    /// From now on; forgets what was asked before.
    pub fn answer(&self, answer: impl Fn(&str) -> Option<Vec<u8>> + Send + Sync + 'static) {
        *self.shared.answer.lock() = Box::new(answer);
        self.shared.commands.lock().clear();
    }

    /// The first `times` scripts get this line, later ones are well.
    pub fn fail(&self, times: u64, line: &'static str) {
        let left = AtomicU64::new(times);
        self.answer(move |name| {
            let fails = name == "EVALSHA"
                && left
                    .fetch_update(Ordering::Relaxed, Ordering::Relaxed, |n| n.checked_sub(1))
                    .is_ok();
            if fails {
                Some(format!("{line}\r\n").into_bytes())
            } else {
                well(name)
            }
        });
    }

    /// Names of the commands since the last change.
    pub fn asked(&self) -> Vec<String> {
        self.shared.commands.lock().clone()
    }

    pub fn connections(&self) -> u64 {
        self.shared.connections.load(Ordering::Relaxed)
    }
}

impl Drop for Fake {
    fn drop(&mut self) {
        self.task.abort();
    }
}

pub fn well(name: &str) -> Option<Vec<u8>> {
    Some(match name {
        "EVALSHA" => b"*1\r\n:0\r\n".to_vec(),
        "INFO" => b"$0\r\n\r\n".to_vec(),
        "SCRIPT" => b"$1\r\nx\r\n".to_vec(),
        _ => b"+OK\r\n".to_vec(),
    })
}

async fn serve(stream: TcpStream, shared: Arc<Shared>) {
    let mut stream = BufReader::new(stream);
    while let Some(command) = read(&mut stream).await {
        let name = String::from_utf8_lossy(&command[0]).to_uppercase();
        let answer = (shared.answer.lock())(&name);
        if name != "INFO" {
            shared.commands.lock().push(name);
        }
        let Some(answer) = answer else { return };
        if stream.get_mut().write_all(&answer).await.is_err() {
            return;
        }
    }
}

async fn read(stream: &mut BufReader<TcpStream>) -> Option<Command> {
    let parts = number(stream).await?;
    let mut command = Vec::new();
    for _ in 0..parts {
        let len = number(stream).await?;
        let mut part = vec![0; len + 2];
        stream.read_exact(&mut part).await.ok()?;
        part.truncate(len);
        command.push(part);
    }
    Some(command)
}

async fn number(stream: &mut BufReader<TcpStream>) -> Option<usize> {
    let mut line = String::new();
    stream.read_line(&mut line).await.ok()?;
    line.get(1..)?.trim_end().parse().ok()
}
