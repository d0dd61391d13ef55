//! The scripts, as the server is asked to run them: a body with the common code before it, the keys of
//! one room, and the arguments. Pure: makes commands, sends none.

use std::sync::LazyLock;

use redis::Cmd;

use crate::room::bounds;
use crate::store::{MAX_ENDED, SKETCH_POINTS};

/// The bounds of the room's rules, as the table `B` of the scripts: the same numbers as in memory.
const BOUNDS: [(&str, u64); 25] = [
    ("TICK_WORK_US", bounds::TICK_WORK_US),
    ("SERVICE_RUN_US", bounds::SERVICE_RUN_US),
    ("SETTLE_US", bounds::SETTLE_US),
    ("LINE_US", bounds::LINE_US),
    ("BATCH_US", bounds::BATCH_US),
    ("MAX_SWEEP", bounds::MAX_SWEEP),
    ("MAX_SPENT", bounds::MAX_SPENT),
    ("MAX_SPENT_AHEAD", bounds::MAX_SPENT_AHEAD),
    ("SPENT_AHEAD_US", bounds::SPENT_AHEAD_US),
    ("MAX_ENDED_KEPT", bounds::MAX_ENDED_KEPT),
    ("MAX_REVOKED", bounds::MAX_REVOKED),
    ("UNPROVEN_US", bounds::UNPROVEN_US),
    ("PAID_US", bounds::PAID_US),
    ("MAX_PAID", bounds::MAX_PAID),
    ("READOPT_LEEWAY_US", bounds::READOPT_LEEWAY_US),
    ("GRACE_STEPS", bounds::GRACE_STEPS),
    ("MAX_MARKS", bounds::MAX_MARKS as u64),
    ("HORIZON_BASE", bounds::HORIZON_BASE),
    ("HORIZON_NEED", bounds::HORIZON_NEED),
    ("HORIZON_PLENTY", bounds::HORIZON_PLENTY),
    ("MAX_HORIZON_FACTOR", bounds::MAX_HORIZON_FACTOR),
    ("SKETCH_DENSE", bounds::SKETCH_DENSE),
    ("SKETCH_GENTLEST", bounds::SKETCH_GENTLEST),
    ("SKETCH_POINTS", SKETCH_POINTS as u64),
    ("MAX_ENDED", MAX_ENDED as u64),
];

const COMMON: &str = include_str!("lua/common.lua");
const LIMITS_COMMON: &str = include_str!("lua/limits/common.lua");

/// One of the store's operations.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum Operation {
    Enter,
    Join,
    Present,
    Tick,
    Claim,
    Touch,
    Spent,
    End,
    Pay,
    SettingsPut,
    LimitExact,
    LimitSync,
}

impl Operation {
    pub const ALL: [Operation; 12] = [
        Operation::Enter,
        Operation::Join,
        Operation::Present,
        Operation::Tick,
        Operation::Claim,
        Operation::Touch,
        Operation::Spent,
        Operation::End,
        Operation::Pay,
        Operation::SettingsPut,
        Operation::LimitExact,
        Operation::LimitSync,
    ];

    /// Whether running it twice, because the first answer was lost, changes nothing more.
    ///
    /// `enter`, `claim`: an active id gets its session again. `join`, `present`, `spent`: sets. `tick`: works
    /// once per interval. `touch`: a session put back is then known. `end`: the list of ended ids.
    /// `settings_put` compares versions, and the second run would be told of a conflict with itself; that of `pay` would
    /// find the answer used; the limits would charge twice.
    pub fn may_run_twice(self) -> bool {
        !(matches!(self, Operation::Pay | Operation::SettingsPut) || self.is_limit())
    }

    fn is_limit(self) -> bool {
        matches!(self, Operation::LimitExact | Operation::LimitSync)
    }

    fn index(self) -> usize {
        self as usize
    }

    fn bodies(self) -> &'static [&'static str] {
        match self {
            Operation::Enter => &[include_str!("lua/enter.lua")],
            Operation::Join => &[include_str!("lua/join.lua")],
            Operation::Present => &[include_str!("lua/present.lua")],
            Operation::Tick => &[
                include_str!("lua/recover.lua"),
                include_str!("lua/expire.lua"),
                include_str!("lua/grant.lua"),
                include_str!("lua/snapshot.lua"),
                include_str!("lua/tick.lua"),
            ],
            Operation::Claim => &[include_str!("lua/claim.lua")],
            Operation::Touch => &[include_str!("lua/touch.lua")],
            Operation::Spent => &[include_str!("lua/spent.lua")],
            Operation::End => &[include_str!("lua/end.lua")],
            Operation::Pay => &[include_str!("lua/pay.lua")],
            Operation::SettingsPut => &[include_str!("lua/settings.lua")],
            Operation::LimitExact => &[include_str!("lua/limits/exact.lua")],
            Operation::LimitSync => &[include_str!("lua/limits/sync.lua")],
        }
    }
}

struct Script {
    text: String,
    sha1: String,
}

static SCRIPTS: LazyLock<Vec<Script>> = LazyLock::new(|| Operation::ALL.into_iter().map(assemble).collect());

fn assemble(operation: Operation) -> Script {
    let mut text = if operation.is_limit() {
        LIMITS_COMMON.to_owned()
    } else {
        bounds_table() + COMMON
    };
    for body in operation.bodies() {
        text.push('\n');
        text.push_str(body);
    }
    let sha1 = redis::Script::new(&text).get_hash().to_owned();
    Script { text, sha1 }
}

fn bounds_table() -> String {
    let fields: Vec<_> = BOUNDS.iter().map(|(name, value)| format!("{name} = {value}")).collect();
    format!("local B = {{ {} }}\n", fields.join(", "))
}

/// The parts of a room, in the order in which every script takes them.
pub(super) const PARTS: [&str; 13] = [
    "state", "queue", "present", "seen", "admitted", "active", "places", "claimed", "spent", "ended", "revoked",
    "unproven", "paid",
];

/// The room whose only use is to be tried out. No configured room can have this name.
pub(super) const CANARY: &str = "~canary";

/// A script with everything it needs.
pub(super) struct Invocation {
    pub operation: Operation,
    /// Or what else has a slot of its own.
    pub room: String,
    pub keys: Keys,
    pub args: Vec<Vec<u8>>,
}

/// What a script works on; all in one slot.
pub(super) enum Keys {
    /// All of the room's.
    Room,
    These(Vec<String>),
}

impl Invocation {
    pub fn run(&self) -> Cmd {
        let mut cmd = redis::cmd("EVALSHA");
        cmd.arg(&self.script().sha1);
        match &self.keys {
            Keys::Room => {
                cmd.arg(PARTS.len());
                for part in PARTS {
                    cmd.arg(format!("stanchion:{{{}}}:{part}", self.room));
                }
            }
            Keys::These(keys) => {
                cmd.arg(keys.len()).arg(keys);
            }
        }
        for arg in &self.args {
            cmd.arg(arg.as_slice());
        }
        cmd
    }

    /// In a cluster this goes to every master, so that a room finds its scripts wherever its slot moves.
    pub fn load(&self) -> Cmd {
        let mut cmd = redis::cmd("SCRIPT");
        cmd.arg("LOAD").arg(&self.script().text);
        cmd
    }

    #[allow(
        clippy::indexing_slicing,
        reason = "ALL and the enumeration have the same order and length; tested"
    )]
    fn script(&self) -> &'static Script {
        &SCRIPTS[self.operation.index()]
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_operation_finds_its_own_script() {
        for (at, operation) in Operation::ALL.into_iter().enumerate() {
            assert_eq!(operation.index(), at, "{operation:?}");
        }
        let mut hashes: Vec<_> = SCRIPTS.iter().map(|script| &script.sha1).collect();
        hashes.sort();
        hashes.dedup();
        assert_eq!(hashes.len(), Operation::ALL.len());
    }

    #[test]
    fn all_keys_of_a_room_share_its_hash_tag() {
        let call = Invocation {
            operation: Operation::Claim,
            room: "sale".to_owned(),
            keys: Keys::Room,
            args: Vec::new(),
        };
        let packed = String::from_utf8(call.run().get_packed_command()).unwrap();
        assert_eq!(packed.matches("stanchion:{sale}:").count(), PARTS.len(), "{packed}");
    }
}
