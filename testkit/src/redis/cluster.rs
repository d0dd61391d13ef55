//! A cluster of three masters, with replicas, that notices a dead master within about two seconds and serves the other
//! masters' slots meanwhile.

use std::time::Duration;

use super::Redis;
use super::resp::Value;
use crate::net::{free_port, wait_until};

const MASTERS: usize = 3;
const SLOTS: u16 = 16_384;
const FORMED_WITHIN: Duration = Duration::from_secs(30);

/// Dropping it ends every process.
#[derive(Debug)]
pub struct RedisCluster {
    /// The first three began as masters, in the order of their slots; node `3 + i` replicates node `i % 3`.
    pub nodes: Vec<Redis>,
}

/// A slot on its way: [`RedisCluster::begin_move`] … [`RedisCluster::move_keys`] … [`RedisCluster::end_move`].
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct SlotMove {
    pub slot: u16,
    pub from: usize,
    pub to: usize,
}

impl RedisCluster {
    /// # Panics
    /// Where the nodes do not form a cluster.
    #[must_use]
    pub fn start(replicas_each: usize) -> RedisCluster {
        let nodes: Vec<_> = (0..MASTERS * (1 + replicas_each)).map(|_| node()).collect();
        let cluster = RedisCluster { nodes };
        cluster.give_slots();
        cluster.introduce();
        cluster.attach_replicas();
        assert!(
            wait_until(FORMED_WITHIN, || cluster.is_formed()),
            "the cluster did not form"
        );
        cluster
    }

    /// `redis+cluster://host:port,…` with the three first nodes.
    #[must_use]
    pub fn url(&self) -> String {
        let hosts: Vec<_> = self.nodes.iter().take(MASTERS).map(Redis::address).collect();
        format!("redis+cluster://{}", hosts.join(","))
    }

    /// The slot of a key, as the first living node computes it.
    ///
    /// # Panics
    /// Where the answer is no slot.
    #[must_use]
    pub fn slot_of(&self, key: &str) -> u16 {
        let slot = self.first().run(&["CLUSTER", "KEYSLOT", key]).integer();
        u16::try_from(slot).expect("a slot has 14 bits")
    }

    /// Which node is master of the slot now, in the eyes of a living node that knows.
    #[must_use]
    pub fn owner_of(&self, slot: u16) -> Option<usize> {
        let answer = self.first().run(&["CLUSTER", "SLOTS"]);
        let range = answer.items().iter().find(|range| {
            let edge = |at: usize| range.items().get(at).map_or(-1, Value::integer);
            (edge(0)..=edge(1)).contains(&i64::from(slot))
        })?;
        let port = range.items().get(2)?.items().get(1)?.integer();
        self.nodes.iter().position(|node| i64::from(node.port()) == port)
    }

    /// Both ends begin to answer `ASK` and `TRYAGAIN` for the slot.
    pub fn begin_move(&self, slot: u16, from: usize, to: usize) -> SlotMove {
        let slot_text = slot.to_string();
        self.nodes[to].run(&["CLUSTER", "SETSLOT", &slot_text, "IMPORTING", &self.id(from)]);
        self.nodes[from].run(&["CLUSTER", "SETSLOT", &slot_text, "MIGRATING", &self.id(to)]);
        SlotMove { slot, from, to }
    }

    /// Moves at most `most` keys; returns how many went.
    pub fn move_keys(&self, moving: SlotMove, most: usize) -> usize {
        let from = &self.nodes[moving.from];
        let keys = from.run(&["CLUSTER", "GETKEYSINSLOT", &moving.slot.to_string(), &most.to_string()]);
        let port = self.nodes[moving.to].port().to_string();
        for key in keys.items() {
            from.run(&["MIGRATE", "127.0.0.1", &port, &key.text(), "0", "1000"]);
        }
        keys.items().len()
    }

    /// Every living master learns the slot's new owner.
    pub fn end_move(&self, moving: SlotMove) {
        let (slot, owner) = (moving.slot.to_string(), self.id(moving.to));
        for node in [moving.to, moving.from] {
            self.nodes[node].run(&["CLUSTER", "SETSLOT", &slot, "NODE", &owner]);
        }
    }

    fn id(&self, node: usize) -> String {
        self.nodes[node].run(&["CLUSTER", "MYID"]).text()
    }

    /// A node that answers.
    fn first(&self) -> &Redis {
        let alive = |node: &&Redis| super::Connection::open(node.port()).is_ok();
        self.nodes.iter().find(alive).expect("a node must be alive")
    }

    fn give_slots(&self) {
        for (i, node) in self.nodes.iter().enumerate() {
            node.run(&["CLUSTER", "SET-CONFIG-EPOCH", &(i + 1).to_string()]);
        }
        for (i, node) in self.nodes.iter().take(MASTERS).enumerate() {
            let bound = |i: usize| usize::from(SLOTS) * i / MASTERS;
            let (first, last) = (bound(i).to_string(), (bound(i + 1) - 1).to_string());
            node.run(&["CLUSTER", "ADDSLOTSRANGE", &first, &last]);
        }
    }

    fn introduce(&self) {
        let hub = &self.nodes[0];
        for node in &self.nodes[1..] {
            hub.run(&[
                "CLUSTER",
                "MEET",
                "127.0.0.1",
                &node.port().to_string(),
                &bus_port(node),
            ]);
        }
        let all = self.nodes.len().to_string();
        let met = |node: &Redis| {
            node.run(&["CLUSTER", "INFO"])
                .text()
                .contains(&format!("cluster_known_nodes:{all}\r"))
        };
        assert!(
            wait_until(FORMED_WITHIN, || self.nodes.iter().all(met)),
            "the nodes did not meet"
        );
    }

    fn attach_replicas(&self) {
        for (i, node) in self.nodes.iter().enumerate().skip(MASTERS) {
            let master = self.id(i % MASTERS);
            let attached = || !node.command(&["CLUSTER", "REPLICATE", &master]).is_error();
            assert!(wait_until(FORMED_WITHIN, attached), "node {i} did not become a replica");
        }
    }

    fn is_formed(&self) -> bool {
        let linked = |node: &Redis| {
            node.info("replication")
                .get("master_link_status")
                .is_some_and(|s| s == "up")
        };
        let agrees = |node: &Redis| node.run(&["CLUSTER", "INFO"]).text().contains("cluster_state:ok");
        self.nodes.iter().all(agrees) && self.nodes.iter().skip(MASTERS).all(linked)
    }
}

fn node() -> Redis {
    let bus = free_port().to_string();
    Redis::with(&[
        ("cluster-enabled", "yes"),
        ("cluster-config-file", "nodes.conf"),
        ("cluster-node-timeout", "1000"),
        ("cluster-port", &bus),
        ("cluster-require-full-coverage", "no"),
    ])
}

fn bus_port(node: &Redis) -> String {
    let answer = node.run(&["CONFIG", "GET", "cluster-port"]);
    answer.items().get(1).map(Value::text).unwrap_or_default()
}
