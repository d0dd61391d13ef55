//! Handing the listening sockets to a successor, so that an upgrade turns nobody away: the old process offers them on a Unix
//! socket, the new one takes them, starts accepting, says so, and only then does the old one stop. The sockets themselves
//! are never closed in between. Blocking: call it where blocking is allowed.

use std::io::{self, IoSlice, IoSliceMut, Read, Write};
use std::net::TcpListener;
use std::os::fd::{AsFd, OwnedFd};
use std::os::unix::fs::PermissionsExt;
use std::os::unix::net::{UnixListener, UnixStream};
use std::path::Path;
use std::time::Duration;

use rustix::net::{
    RecvAncillaryBuffer, RecvAncillaryMessage, RecvFlags, SendAncillaryBuffer, SendAncillaryMessage, SendFlags,
    recvmsg, sendmsg,
};

/// The kernel passes no more than this at once.
const MAX_SOCKETS: usize = 64;
/// How long either side waits for the other's next word.
const PATIENCE: Duration = Duration::from_secs(60);
const HELLO: &[u8] = b"stanchion-sockets-1\n";
const READY: u8 = b'r';

/// Where a successor asks. Whoever may connect gets the sockets, so the file is for its owner alone.
#[derive(Debug)]
pub struct Offer {
    listener: UnixListener,
}

impl Offer {
    /// # Errors
    /// The path cannot be used. A socket file left behind by a dead process is replaced; a live one is not.
    pub fn at(path: &Path) -> io::Result<Offer> {
        if UnixStream::connect(path).is_ok() {
            return Err(io::Error::new(
                io::ErrorKind::AddrInUse,
                "another process offers its sockets here",
            ));
        }
        if path.exists() {
            std::fs::remove_file(path)?;
        }
        let listener = UnixListener::bind(path)?;
        std::fs::set_permissions(path, std::fs::Permissions::from_mode(0o600))?;
        Ok(Offer { listener })
    }

    /// Waits for a successor, gives it the sockets, and returns once it says that it accepts connections. A successor that
    /// fails before that is forgotten: the caller goes on as before, and may offer again.
    ///
    /// # Errors
    /// The successor went away, or did not get ready in time.
    pub fn hand_over(&self, sockets: &[TcpListener]) -> io::Result<()> {
        let (mut successor, _) = self.listener.accept()?;
        successor.set_read_timeout(Some(PATIENCE))?;
        successor.set_write_timeout(Some(PATIENCE))?;
        let fds: Vec<_> = sockets.iter().take(MAX_SOCKETS).map(AsFd::as_fd).collect();
        let mut space = [std::mem::MaybeUninit::uninit(); rustix::cmsg_space!(ScmRights(MAX_SOCKETS))];
        let mut control = SendAncillaryBuffer::new(&mut space);
        if !control.push(SendAncillaryMessage::ScmRights(&fds)) {
            return Err(io::Error::other("too many sockets to hand over"));
        }
        sendmsg(&successor, &[IoSlice::new(HELLO)], &mut control, SendFlags::empty())?;
        let mut word = [0];
        successor.read_exact(&mut word)?;
        if word == [READY] {
            Ok(())
        } else {
            Err(io::Error::other("the successor said something else than ready"))
        }
    }
}

/// The sockets of a predecessor that is still accepting on them.
#[derive(Debug)]
pub struct Taken {
    pub sockets: Vec<TcpListener>,
    predecessor: UnixStream,
}

impl Taken {
    /// Tells the predecessor that connections are accepted here now.
    pub fn ready(mut self) -> io::Result<()> {
        self.predecessor.write_all(&[READY])
    }
}

/// Takes the sockets offered at `path`. `None`: nobody offers any.
///
/// # Errors
/// Somebody offers, but not what was expected.
pub fn take_over(path: &Path) -> io::Result<Option<Taken>> {
    let predecessor = match UnixStream::connect(path) {
        Ok(stream) => stream,
        Err(error) if matches!(error.kind(), io::ErrorKind::NotFound | io::ErrorKind::ConnectionRefused) => {
            return Ok(None);
        }
        Err(error) => return Err(error),
    };
    predecessor.set_read_timeout(Some(PATIENCE))?;
    let mut space = [std::mem::MaybeUninit::uninit(); rustix::cmsg_space!(ScmRights(MAX_SOCKETS))];
    let mut control = RecvAncillaryBuffer::new(&mut space);
    let mut hello = [0; HELLO.len()];
    let got = recvmsg(
        &predecessor,
        &mut [IoSliceMut::new(&mut hello)],
        &mut control,
        RecvFlags::CMSG_CLOEXEC,
    )?;
    if hello[..got.bytes] != *HELLO {
        return Err(io::Error::new(
            io::ErrorKind::InvalidData,
            "the predecessor speaks another version",
        ));
    }
    let rights = control.drain().filter_map(|message| match message {
        RecvAncillaryMessage::ScmRights(fds) => Some(fds),
        _ => None,
    });
    let sockets = rights.flatten().map(|fd: OwnedFd| TcpListener::from(fd)).collect();
    Ok(Some(Taken { sockets, predecessor }))
}

#[cfg(test)]
mod tests {
    use super::*;

    /// H17: the successor's sockets are the same sockets; a failed successor costs nothing.
    #[test]
    fn sockets_change_hands() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("upgrade.sock");
        assert!(take_over(&path).unwrap().is_none(), "nobody offers yet");
        let offer = Offer::at(&path).unwrap();
        assert_eq!(std::fs::metadata(&path).unwrap().permissions().mode() & 0o777, 0o600);
        let sockets: Vec<_> = (0..3).map(|_| TcpListener::bind("127.0.0.1:0").unwrap()).collect();
        let addresses: Vec<_> = sockets.iter().map(|s| s.local_addr().unwrap()).collect();
        let old = std::thread::spawn(move || {
            let first = offer.hand_over(&sockets);
            (first.is_err(), offer.hand_over(&sockets))
        });
        drop(take_over(&path).unwrap().unwrap());
        let taken = take_over(&path).unwrap().unwrap();
        assert_eq!(
            taken
                .sockets
                .iter()
                .map(|s| s.local_addr().unwrap())
                .collect::<Vec<_>>(),
            addresses
        );
        taken.ready().unwrap();
        let (first_failed, second) = old.join().unwrap();
        assert!(first_failed && second.is_ok(), "{second:?}");
        assert!(Offer::at(&path).is_ok(), "a dead predecessor's file is replaced");
    }

    #[test]
    fn a_live_offer_is_not_replaced() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("upgrade.sock");
        let _live = Offer::at(&path).unwrap();
        assert_eq!(Offer::at(&path).unwrap_err().kind(), io::ErrorKind::AddrInUse);
    }
}
