//! kill -9 at each step of a commit, by the process itself in the middle of its work: the next process finds everything
//! that was acknowledged, and sells nothing twice. On SQLite and on PostgreSQL; and PostgreSQL itself is crashed.

use std::collections::BTreeSet;
use std::io::{BufRead, BufReader};
use std::process::{Child, Command, Stdio};

use stanchion_testkit::Postgres as Server;

use super::support::{buy, check, start};
use crate::journal::tests::{Probe, Step};
use crate::journal::{Database, Journal, Postgres, Sqlite};
use crate::writer::NotDecided;

/// More than the children sell.
const PLENTY: u32 = 10_000;
const CHILD: &str = "STANCHION_BOOKING_TEST_CHILD";
pub(super) const STEPS: [(&str, Step); 3] = [
    ("begin", Step::Begin),
    ("inserted", Step::Inserted),
    ("committed", Step::Committed),
];

/// At the n-th time that this step is reached, the process kills itself as `kill -9` would.
fn fatal(at: Step, mut nth: u32) -> Probe {
    Box::new(move |step| {
        if step == at {
            nth = nth.saturating_sub(1);
        }
        if nth == 0 {
            die();
        }
        Ok(())
    })
}

pub(super) fn die() -> ! {
    let me = std::process::id().to_string();
    let _ = Command::new("kill").args(["-9", &me]).status();
    loop {
        std::thread::park();
    }
}

/// The journal at this address, with a probe in its commits.
pub(super) fn probed(address: &str, probe: Probe) -> Box<dyn Journal> {
    match address.parse().unwrap() {
        Database::Sqlite(path) => {
            let mut journal = Sqlite::open(&path).unwrap();
            journal.probe = probe;
            Box::new(journal)
        }
        Database::Postgres(address) => {
            let mut journal = Postgres::open(&address).unwrap();
            journal.probe = probe;
            Box::new(journal)
        }
    }
}

/// Not a test by itself: what the others start as a process of its own.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn child() {
    let Ok(orders) = std::env::var(CHILD) else { return };
    let mut orders = orders.splitn(4, ' ');
    let mut next = || orders.next().unwrap().to_owned();
    let (round, step, nth, database) = (next(), next(), next(), next());
    let step = STEPS.iter().find(|(name, _)| *name == step).unwrap().1;
    let probe = fatal(step, nth.parse().unwrap());
    let open = move || probed(&database, probe);
    let (writer, _thread) = tokio::task::spawn_blocking(move || start(open(), PLENTY))
        .await
        .unwrap();
    let mut buyers = tokio::task::JoinSet::new();
    for buyer in 0..4 {
        let (writer, round) = (writer.clone(), round.clone());
        buyers.spawn(async move {
            for number in 0..10_000 {
                match buy(&writer, &format!("{round}-{buyer}-{number}"), 1 + number % 2).await {
                    Ok(Some(order)) => println!("\nsold {order}"),
                    // After a take-over the lease of the one that was killed has to run out.
                    Ok(None) | Err(NotDecided::Standby) => {
                        tokio::time::sleep(std::time::Duration::from_millis(5)).await
                    }
                    Err(why) => println!("\n{why:?}"),
                }
            }
        });
    }
    buyers.join_all().await;
}

/// Everything that a child acknowledged before it died.
fn run_child(round: usize, step: &str, nth: u32, database: &str) -> BTreeSet<String> {
    let (mut child, sold) = spawn_child(round, step, nth, database);
    let sold = sold.collect();
    let status = child.wait().unwrap();
    assert!(!status.success(), "the child was to be killed at {step}");
    sold
}

/// The child, and the orders that it sells as it tells of them.
fn spawn_child(round: usize, step: &str, nth: u32, database: &str) -> (Child, impl Iterator<Item = String> + use<>) {
    let mut child = Command::new(std::env::current_exe().unwrap())
        .args([
            "--exact",
            "writer::tests::killed::child",
            "--nocapture",
            "--test-threads=1",
        ])
        .env(CHILD, format!("{round} {step} {nth} {database}"))
        .env("RUST_LOG", "off")
        .stdout(Stdio::piped())
        .stderr(Stdio::null())
        .spawn()
        .unwrap();
    let lines = BufReader::new(child.stdout.take().unwrap()).lines();
    let sold = lines
        .map_while(Result::ok)
        .filter_map(|line| Some(line.strip_prefix("sold ")?.to_owned()));
    (child, sold)
}

/// The writer is killed under load; this process stood by and takes over within five seconds, with everything that was
/// acknowledged.
fn take_over_under_load(database: &str) {
    const NEVER: u32 = u32::MAX;
    let (mut child, mut sold) = spawn_child(0, "committed", NEVER, database);
    let first = sold.next().expect("the child sells");
    let journal = database.parse::<Database>().unwrap().open().unwrap();
    let (standby, thread) = start(journal, PLENTY);
    assert!(!standby.is_leading());
    let meanwhile: Vec<String> = sold.by_ref().take(50).collect();
    child.kill().unwrap();
    let acknowledged: BTreeSet<String> = sold.chain([first]).chain(meanwhile).collect();
    assert!(
        !child.wait().unwrap().success(),
        "it was killed, and had not come to its end"
    );
    let began = std::time::Instant::now();
    assert!(stanchion_testkit::wait_until(std::time::Duration::from_secs(5), || {
        standby.is_leading()
    }));
    println!(
        "{} acknowledged, taken over {:?} after the end",
        acknowledged.len(),
        began.elapsed()
    );
    assert!(
        acknowledged
            .iter()
            .all(|order| standby.look(|sale| sale.order(order).is_some()))
    );
    let runtime = tokio::runtime::Builder::new_current_thread().build().unwrap();
    assert!(runtime.block_on(buy(&standby, "last", 1)).unwrap().is_some());
    drop(standby);
    thread.join().unwrap();
    check(&database.parse().unwrap(), &acknowledged, PLENTY);
}

#[test]
fn i19_a_standby_takes_over_under_load_sqlite() {
    let folder = tempfile::tempdir().unwrap();
    take_over_under_load(&format!("sqlite:{}", folder.path().join("booking.db").display()));
}

fn kill_at_every_step(database: &str, steps: &[(&str, Step)]) {
    let mut acknowledged = BTreeSet::new();
    for (round, (step, _)) in steps.iter().cycle().take(steps.len() * 2).enumerate() {
        acknowledged.extend(run_child(round, step, 4 + 3 * u32::try_from(round).unwrap(), database));
        let sale = check(&database.parse().unwrap(), &acknowledged, PLENTY);
        println!(
            "killed at {step}: {} acknowledged, {} places sold",
            acknowledged.len(),
            sale.sold_seats()
        );
    }
    assert!(acknowledged.len() > 10, "{}", acknowledged.len());
}

#[test]
fn o1_i19_kill_nine_at_each_step_of_a_commit_sqlite() {
    let folder = tempfile::tempdir().unwrap();
    let database = format!("sqlite:{}", folder.path().join("booking.db").display());
    kill_at_every_step(&database, &STEPS);
}

#[test]
fn o1_i19_kill_nine_at_each_step_of_a_commit_postgres() {
    let server = Server::start();
    // One statement is the whole commit: there is no step in between.
    kill_at_every_step(&server.url(), &[STEPS[0], STEPS[2]]);
}

#[test]
fn i19_a_standby_takes_over_under_load_postgres() {
    take_over_under_load(&Server::start().url());
}

/// O4: the server crashes under load and comes back. Whoever was acknowledged has their places.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn o4_postgres_crashes_and_comes_back() {
    let server = std::sync::Arc::new(parking_lot::Mutex::new(Server::start()));
    let database: Database = server.lock().url().parse().unwrap();
    let stock = 5_000;
    let (writer, thread) = {
        let database = database.clone();
        tokio::task::spawn_blocking(move || start(database.open().unwrap(), stock))
            .await
            .unwrap()
    };
    let mut buyers = tokio::task::JoinSet::new();
    for buyer in 0..8 {
        let writer = writer.clone();
        buyers.spawn(async move {
            let mut sold = BTreeSet::new();
            for number in 0..150 {
                match buy(&writer, &format!("{buyer}-{number}"), 1).await {
                    Ok(order) => sold.extend(order),
                    Err(_) => tokio::time::sleep(std::time::Duration::from_millis(20)).await,
                }
            }
            sold
        });
    }
    let crash = {
        let (server, writer) = (std::sync::Arc::clone(&server), writer.clone());
        tokio::task::spawn_blocking(move || {
            let some = || writer.look(|sale| sale.sold_seats()) > 40;
            assert!(stanchion_testkit::wait_until(std::time::Duration::from_secs(20), some));
            server.lock().crash_and_restart();
        })
    };
    let acknowledged: BTreeSet<String> = buyers.join_all().await.into_iter().flatten().collect();
    crash.await.unwrap();
    let back = stanchion_testkit::wait_until_async(std::time::Duration::from_secs(10), async || {
        buy(&writer, "last", 1).await.is_ok_and(|order| order.is_some())
    });
    assert!(back.await, "the sale goes on");
    drop(writer);
    tokio::task::spawn_blocking(move || {
        thread.join().unwrap();
        let sale = check(&database, &acknowledged, stock);
        println!(
            "{} acknowledged over a crash, {} sold",
            acknowledged.len(),
            sale.sold_seats()
        );
    })
    .await
    .unwrap();
}
