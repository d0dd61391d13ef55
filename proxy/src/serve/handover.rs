//! Graceful upgrade: a running edge hands its listening sockets to its successor over a Unix socket, so that no
//! connection is refused in between. Whoever can connect to that socket gets the listeners: its folder must be the
//! operator's own.
//!
//! The successor connects, receives the sockets in one message, starts, and says `ready`; only then does the old edge
//! stop accepting. Where the successor dies before, nothing has changed.

use std::io::{IoSlice, IoSliceMut, Read, Write};
use std::mem::MaybeUninit;
use std::net::TcpListener;
use std::os::fd::{AsFd, BorrowedFd};
use std::os::unix::fs::PermissionsExt;
use std::os::unix::net::{UnixListener, UnixStream};
use std::path::Path;
use std::time::Duration;

use anyhow::{Context, ensure};
use rustix::net::{
    RecvAncillaryBuffer, RecvAncillaryMessage, RecvFlags, SendAncillaryBuffer, SendAncillaryMessage, SendFlags,
    recvmsg, sendmsg,
};

/// Most sockets in one hand-over.
pub const MAX_SOCKETS: usize = 32;
const READY: &[u8] = b"ready";
/// How long the old edge waits for its successor to start.
const PATIENCE: Duration = Duration::from_secs(60);

/// Waits for a successor. The socket file is the owner's alone.
///
/// # Errors
/// Where the path cannot be bound.
pub fn listen(path: &Path) -> anyhow::Result<UnixListener> {
    match std::fs::remove_file(path) {
        Err(error) if error.kind() != std::io::ErrorKind::NotFound => return Err(error.into()),
        _ => {}
    }
    let listener = UnixListener::bind(path).with_context(|| format!("edge.upgrade_sock {}", path.display()))?;
    std::fs::set_permissions(path, std::fs::Permissions::from_mode(0o600))?;
    Ok(listener)
}

/// Gives `sockets` to whoever connects next; returns when the successor is ready. Blocks.
///
/// # Errors
/// Where the successor goes away before it is ready.
pub fn give(listener: &UnixListener, sockets: &[TcpListener]) -> anyhow::Result<()> {
    ensure!(sockets.len() <= MAX_SOCKETS, "more than {MAX_SOCKETS} sockets");
    let (mut stream, _) = listener.accept()?;
    stream.set_read_timeout(Some(PATIENCE))?;
    let borrowed: Vec<BorrowedFd<'_>> = sockets.iter().map(AsFd::as_fd).collect();
    let mut space = [MaybeUninit::uninit(); rustix::cmsg_space!(ScmRights(MAX_SOCKETS))];
    let mut control = SendAncillaryBuffer::new(&mut space);
    ensure!(
        control.push(SendAncillaryMessage::ScmRights(&borrowed)),
        "the sockets do not fit into one message"
    );
    let count = [u8::try_from(sockets.len())?];
    sendmsg(&stream, &[IoSlice::new(&count)], &mut control, SendFlags::empty())?;
    let mut answer = Vec::new();
    (&mut stream).take(READY.len() as u64).read_to_end(&mut answer)?;
    ensure!(answer == READY, "the successor went away before it was ready");
    Ok(())
}

/// The other side of [`give`]: the sockets, and the word that must be said when all is running.
pub struct Taken {
    pub sockets: Vec<TcpListener>,
    stream: UnixStream,
}

impl Taken {
    /// # Errors
    /// Where no edge listens at `path` or it sends something else.
    pub fn from(path: &Path) -> anyhow::Result<Taken> {
        let stream = UnixStream::connect(path)
            .with_context(|| format!("no running edge hands its sockets over at {}", path.display()))?;
        stream.set_read_timeout(Some(PATIENCE))?;
        let mut space = [MaybeUninit::uninit(); rustix::cmsg_space!(ScmRights(MAX_SOCKETS))];
        let mut control = RecvAncillaryBuffer::new(&mut space);
        let mut count = [0];
        recvmsg(
            &stream,
            &mut [IoSliceMut::new(&mut count)],
            &mut control,
            RecvFlags::CMSG_CLOEXEC,
        )?;
        let mut sockets = Vec::new();
        for message in control.drain() {
            if let RecvAncillaryMessage::ScmRights(rights) = message {
                sockets.extend(rights.map(TcpListener::from));
            }
        }
        ensure!(
            !sockets.is_empty() && sockets.len() == usize::from(count[0]),
            "the running edge sent no sockets"
        );
        Ok(Taken { sockets, stream })
    }

    /// Everything runs: the old edge may go.
    ///
    /// # Errors
    /// Where the old edge is gone already.
    pub fn ready(mut self) -> anyhow::Result<()> {
        Ok(self.stream.write_all(READY)?)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// H17: the same sockets arrive, and the giver learns whether the successor got ready.
    #[test]
    fn hands_over_the_very_sockets() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("upgrade.sock");
        let listener = listen(&path).unwrap();
        let sockets = [
            TcpListener::bind("127.0.0.1:0").unwrap(),
            TcpListener::bind("127.0.0.1:0").unwrap(),
        ];
        let addresses = sockets.each_ref().map(|socket| socket.local_addr().unwrap());
        let giver = std::thread::spawn(move || (give(&listener, &sockets), give(&listener, &sockets)));
        drop(Taken::from(&path).unwrap());
        let taken = Taken::from(&path).unwrap();
        assert_eq!(
            taken
                .sockets
                .iter()
                .map(|s| s.local_addr().unwrap())
                .collect::<Vec<_>>(),
            addresses
        );
        taken.ready().unwrap();
        let (died, ready) = giver.join().unwrap();
        assert!(died.is_err(), "a successor that dies before it is ready");
        ready.unwrap();
    }

    #[test]
    fn nobody_there_is_said_plainly() {
        let dir = tempfile::tempdir().unwrap();
        let problem = Taken::from(&dir.path().join("none")).err().unwrap().to_string();
        assert!(problem.contains("no running edge"), "{problem}");
    }
}
