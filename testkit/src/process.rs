//! One child process that never outlives its test: killed by process id on drop, and by a guardian
//! shell when the test's own process dies without dropping anything. Knows nothing of what it runs.

use std::io;
use std::path::Path;
use std::process::{Child, Command, ExitStatus, Stdio};
use std::time::Duration;

use crate::net::wait_until;

/// What a test may send to a server.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Signal {
    Stop,
    Continue,
    Terminate,
    Interrupt,
    Hangup,
    Quit,
}

impl Signal {
    fn name(self) -> &'static str {
        match self {
            Signal::Stop => "STOP",
            Signal::Continue => "CONT",
            Signal::Terminate => "TERM",
            Signal::Interrupt => "INT",
            Signal::Hangup => "HUP",
            Signal::Quit => "QUIT",
        }
    }
}

/// A running (or ended, but not yet forgotten) child.
#[derive(Debug)]
pub struct Process {
    child: Child,
    guardian: Child,
}

impl Process {
    /// Starts the command. Its standard input is closed; output goes where the command says.
    ///
    /// # Errors
    /// Where the program (or `sh`, for the guardian) cannot be started.
    pub fn spawn(command: &mut Command) -> io::Result<Process> {
        Process::spawn_in(command, None)
    }

    /// As [`Process::spawn`]; the guardian also removes `folder`, should nobody be left to do it. For servers that a test
    /// binary keeps in a static.
    ///
    /// # Errors
    /// As [`Process::spawn`].
    pub fn spawn_in(command: &mut Command, folder: Option<&Path>) -> io::Result<Process> {
        let mut child = command.stdin(Stdio::null()).spawn()?;
        match guard(child.id(), folder) {
            Ok(guardian) => Ok(Process { child, guardian }),
            Err(error) => {
                child.kill()?;
                child.wait()?;
                Err(error)
            }
        }
    }

    #[must_use]
    pub fn pid(&self) -> u32 {
        self.child.id()
    }

    #[must_use]
    pub fn is_running(&mut self) -> bool {
        matches!(self.child.try_wait(), Ok(None))
    }

    /// Waits until it has ended by itself, at most `within`; how it ended. `None`: it still runs.
    pub fn wait(&mut self, within: Duration) -> Option<ExitStatus> {
        let mut ended = None;
        let _ = wait_until(within, || {
            ended = self.child.try_wait().ok().flatten();
            ended.is_some()
        });
        ended
    }

    /// # Panics
    /// Where the signal cannot be sent.
    pub fn signal(&self, signal: Signal) {
        let status = Command::new("sh")
            .args(["-c", "kill -s \"$1\" \"$2\"", "sh", signal.name()])
            .arg(self.pid().to_string())
            .status()
            .expect("sh must run");
        assert!(status.success(), "{signal:?} was not delivered to {}", self.pid());
    }

    /// `kill -9`, and waits until the process is gone. Does nothing to a process that has ended.
    pub fn kill(&mut self) {
        // The guardian goes first: once the child is reaped, its id may belong to somebody else.
        let _ = self.guardian.kill();
        let _ = self.guardian.wait();
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

impl Drop for Process {
    fn drop(&mut self) {
        self.kill();
    }
}

/// Waits for the end of its standard input, which is held open by this process alone.
fn guard(pid: u32, folder: Option<&Path>) -> io::Result<Child> {
    let last_will = "read -r _; kill -9 \"$1\"; if [ -n \"$2\" ]; then sleep 0.2; rm -rf -- \"$2\"; fi";
    Command::new("sh")
        .args(["-c", last_will, "sh"])
        .arg(pid.to_string())
        .arg(folder.unwrap_or(Path::new("")))
        .stdin(Stdio::piped())
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .spawn()
}
