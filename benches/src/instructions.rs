//! User-space instructions per request, counted by callgrind: the slope between a short and a long run of the same
//! requests, so that start-up does not count. Whatever else the machine does, two counts differ by a percent at most
//! (an edge's own ticks go on meanwhile).

use anyhow::{Context, Result};

use crate::contestant::Contestant;
use crate::http::Client;

const SHORT: u64 = 1_000;
const LONG: u64 = 5_000;

/// `start` starts the contestant under callgrind, ready for requests.
pub fn per_request(start: &dyn Fn() -> Result<Contestant>) -> Result<f64> {
    let short = total(start()?, SHORT)?;
    let long = total(start()?, LONG)?;
    Ok(slope((SHORT, short), (LONG, long)))
}

fn slope(short: (u64, u64), long: (u64, u64)) -> f64 {
    (long.1 as f64 - short.1 as f64) / (long.0 as f64 - short.0 as f64)
}

fn total(target: Contestant, requests: u64) -> Result<u64> {
    send(&target, requests).with_context(|| format!("{} under callgrind", target.name))?;
    let printed = target.finish()?;
    collected(&printed).with_context(|| format!("callgrind printed no total:\n{printed}"))
}

fn collected(printed: &str) -> Option<u64> {
    let totals = printed.lines().filter_map(|line| line.split("Collected : ").nth(1));
    totals.filter_map(|n| n.trim().parse().ok()).reduce(u64::max)
}

/// Exactly so many requests, one after another, each answer looked at; a new connection where the server closes.
fn send(target: &Contestant, requests: u64) -> Result<()> {
    let mut client = Client::new(target.port);
    for _ in 0..requests {
        let reply = client.get(target.path, &target.fields)?;
        target.expected.check(&reply)?;
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn start_up_does_not_count() {
        let start_up = 7_000_000;
        let short = (SHORT, start_up + SHORT * 85_500);
        let long = (LONG, start_up + LONG * 85_500);
        assert_eq!(slope(short, long), 85_500.0);
    }

    #[test]
    fn the_largest_total_is_the_process() {
        let printed = "==1== Collected : 12\n==2== \n==2== Collected : 345\nCollected\n";
        assert_eq!(collected(printed), Some(345));
        assert_eq!(collected("==1== Events    : Ir\n"), None);
    }
}
