//! A TCP relay that a test can slow down or cut: what lies between a client and its server. Blocking threads, two per
//! connection, so that it keeps its pace whatever the test's own runtime does.

use std::io::{Read, Write};
use std::net::{Ipv4Addr, Shutdown, SocketAddr, TcpListener, TcpStream};
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::mpsc::{Receiver, sync_channel};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

/// Chunks on their way in one direction of one connection.
const IN_TRANSIT: usize = 1_024;

/// Listens on 127.0.0.1 and relays to one address.
#[derive(Debug)]
pub struct Pipe {
    port: u16,
    shared: Arc<Shared>,
}

#[derive(Debug)]
struct Shared {
    target: SocketAddr,
    delay_us: AtomicU64,
    cut: AtomicBool,
    ended: AtomicBool,
    open: Mutex<Vec<TcpStream>>,
}

impl Pipe {
    /// # Panics
    /// Where nothing can be bound.
    #[must_use]
    pub fn to(port: u16) -> Pipe {
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).expect("a port to listen on");
        let own = listener.local_addr().expect("a bound address").port();
        let shared = Arc::new(Shared {
            target: SocketAddr::from((Ipv4Addr::LOCALHOST, port)),
            delay_us: AtomicU64::new(0),
            cut: AtomicBool::new(false),
            ended: AtomicBool::new(false),
            open: Mutex::default(),
        });
        let relay = Arc::clone(&shared);
        std::thread::spawn(move || relay.accept(&listener));
        Pipe { port: own, shared }
    }

    #[must_use]
    pub fn port(&self) -> u16 {
        self.port
    }

    /// Every byte from now on arrives this much later, in each direction.
    pub fn delay(&self, each_way: Duration) {
        let micros = u64::try_from(each_way.as_micros()).expect("a delay fits");
        self.shared.delay_us.store(micros, Ordering::Relaxed);
    }

    /// Ends all connections and refuses new ones, until [`Pipe::mend`].
    pub fn cut(&self) {
        self.shared.cut.store(true, Ordering::Relaxed);
        self.shared.close_all();
    }

    pub fn mend(&self) {
        self.shared.cut.store(false, Ordering::Relaxed);
    }
}

impl Drop for Pipe {
    fn drop(&mut self) {
        self.shared.ended.store(true, Ordering::Relaxed);
        self.shared.close_all();
        // Wakes the accepting thread, so that it sees the end.
        let _ = TcpStream::connect((Ipv4Addr::LOCALHOST, self.port));
    }
}

impl Shared {
    fn accept(self: Arc<Shared>, listener: &TcpListener) {
        for client in listener.incoming() {
            if self.ended.load(Ordering::Relaxed) {
                return;
            }
            let (Ok(client), false) = (client, self.cut.load(Ordering::Relaxed)) else {
                continue;
            };
            let Ok(server) = TcpStream::connect(self.target) else {
                continue;
            };
            self.relay(&client, &server);
        }
    }

    fn relay(self: &Arc<Shared>, client: &TcpStream, server: &TcpStream) {
        let clone = |stream: &TcpStream| stream.try_clone().expect("a second handle");
        let _ = (client.set_nodelay(true), server.set_nodelay(true));
        self.open
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .extend([clone(client), clone(server)]);
        for (from, to) in [(clone(client), clone(server)), (clone(server), clone(client))] {
            let (sender, receiver) = sync_channel::<(Instant, Vec<u8>)>(IN_TRANSIT);
            let shared = Arc::clone(self);
            std::thread::spawn(move || deliver(&receiver, to));
            std::thread::spawn(move || {
                let mut from = from;
                let mut chunk = [0; 16 * 1024];
                while let Ok(len @ 1..) = from.read(&mut chunk) {
                    let due = Instant::now() + Duration::from_micros(shared.delay_us.load(Ordering::Relaxed));
                    if sender.send((due, chunk[..len].to_vec())).is_err() {
                        break;
                    }
                }
            });
        }
    }

    fn close_all(&self) {
        for stream in self.open.lock().unwrap_or_else(PoisonError::into_inner).drain(..) {
            let _ = stream.shutdown(Shutdown::Both);
        }
    }
}

/// Writes each chunk when it is due; passes the end on.
fn deliver(chunks: &Receiver<(Instant, Vec<u8>)>, mut to: TcpStream) {
    for (due, chunk) in chunks {
        std::thread::sleep(due.saturating_duration_since(Instant::now()));
        if to.write_all(&chunk).is_err() {
            break;
        }
    }
    let _ = to.shutdown(Shutdown::Both);
}
