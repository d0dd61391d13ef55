//! When a connection has taken too long. A timer that is hardly ever moved: a later deadline leaves it alone, and it
//! looks again when it goes off. So a busy connection pays nothing per request.

use std::future::Future;
use std::pin::Pin;
use std::task::{Context, Poll};
use std::time::Duration;

use tokio::time::{Instant, Sleep};

/// How long things may take. The defaults are the documented ones.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Deadlines {
    /// From the first byte of a request to the end of its head.
    pub head: Duration,
    /// Between requests.
    pub idle: Duration,
    /// How long a body may trickle before its rate counts.
    pub body_grace: Duration,
    /// The slowest tolerated body after that.
    pub body_bytes_per_s: u32,
    /// For the client to take any of the answer.
    pub write_stall: Duration,
    pub tls_handshake: Duration,
    /// After a last answer, for the client to read it before the socket goes.
    pub linger: Duration,
}

impl Default for Deadlines {
    fn default() -> Self {
        Deadlines {
            head: Duration::from_secs(10),
            idle: Duration::from_secs(60),
            body_grace: Duration::from_secs(5),
            body_bytes_per_s: 500,
            write_stall: Duration::from_secs(30),
            tls_handshake: Duration::from_secs(5),
            linger: Duration::from_secs(1),
        }
    }
}

impl Deadlines {
    /// How much waiting a body of which `bytes` have come is allowed in all.
    pub fn body_allowance(&self, bytes: u64) -> Duration {
        self.body_grace + Duration::from_millis(bytes.saturating_mul(1000) / u64::from(self.body_bytes_per_s.max(1)))
    }
}

/// A lazily moved timer.
#[derive(Debug, Default)]
pub struct Alarm {
    sleep: Option<Pin<Box<Sleep>>>,
}

impl Alarm {
    /// Ready once `deadline` has passed; otherwise the task is woken by then.
    pub fn poll(&mut self, cx: &mut Context<'_>, deadline: Instant) -> Poll<()> {
        let sleep = self
            .sleep
            .get_or_insert_with(|| Box::pin(tokio::time::sleep_until(deadline)));
        if sleep.deadline() > deadline {
            sleep.as_mut().reset(deadline);
        }
        while sleep.as_mut().poll(cx).is_ready() {
            if Instant::now() >= deadline {
                return Poll::Ready(());
            }
            sleep.as_mut().reset(deadline);
        }
        Poll::Pending
    }
}

/// Time spent waiting for the client only: what we ourselves were slow about is not held against it.
#[derive(Debug, Default)]
pub struct Waited {
    total: Duration,
    since: Option<Instant>,
}

impl Waited {
    /// The client has nothing for us now. Gives the moment at which the allowance will be used up.
    pub fn begin(&mut self, allowance: Duration) -> Instant {
        let since = *self.since.get_or_insert_with(Instant::now);
        since + allowance.saturating_sub(self.total)
    }

    /// Something came.
    pub fn end(&mut self) {
        if let Some(since) = self.since.take() {
            self.total += since.elapsed();
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// H9: the defaults are the documented ones.
    #[test]
    fn the_defaults_are_the_documented_ones() {
        let d = Deadlines::default();
        assert_eq!(
            (d.head, d.idle, d.write_stall),
            (
                Duration::from_secs(10),
                Duration::from_secs(60),
                Duration::from_secs(30)
            )
        );
        assert_eq!(
            (d.body_grace, d.body_bytes_per_s, d.tls_handshake),
            (Duration::from_secs(5), 500, Duration::from_secs(5))
        );
        let text = include_str!("../../../../docs/HTTP.md");
        for row in [
            "| request head, from its first byte | 10 s |",
            "| idle keep-alive | 60 s |",
            "| request body | 500 B/s after 5 s |",
            "| answer not taken | 30 s |",
            "| TLS handshake | 5 s |",
            "| head | 16 KiB |",
            "| fields | 100 |",
            "| address | 8 KiB |",
        ] {
            assert!(text.contains(row), "docs/HTTP.md lacks {row}");
        }
    }

    #[tokio::test(start_paused = true)]
    async fn only_waiting_for_the_client_counts() {
        let deadlines = Deadlines::default();
        let mut waited = Waited::default();
        let began = Instant::now();
        let first = waited.begin(deadlines.body_allowance(0));
        assert_eq!(first - began, Duration::from_secs(5));
        tokio::time::advance(Duration::from_secs(3)).await;
        waited.end();
        tokio::time::advance(Duration::from_secs(100)).await;
        let second = waited.begin(deadlines.body_allowance(1000));
        assert_eq!(
            second - Instant::now(),
            Duration::from_secs(4),
            "5 s + 1000 B at 500 B/s - 3 s"
        );
    }

    #[tokio::test(start_paused = true)]
    async fn an_alarm_follows_its_deadline_both_ways() {
        let began = Instant::now();
        let mut alarm = Alarm::default();
        let far = began + Duration::from_secs(60);
        let near = began + Duration::from_secs(1);
        for deadline in [far, near, far] {
            let ready = futures::future::poll_fn(|cx| Poll::Ready(alarm.poll(cx, deadline).is_ready())).await;
            assert!(!ready);
        }
        futures::future::poll_fn(|cx| alarm.poll(cx, near)).await;
        assert_eq!(began.elapsed(), Duration::from_secs(1));
        futures::future::poll_fn(|cx| alarm.poll(cx, far)).await;
        assert_eq!(began.elapsed(), Duration::from_secs(60));
    }
}
