//! Broken designs. Each distorts what is asked or answered around the real room and the real edges; the product knows
//! nothing of them. The simulation must catch every one.

#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Flaw {
    /// A store without data is taken for a new one.
    NoEpoch,
    /// The frontier alone lets in; nothing is reserved.
    NoReservation,
    /// Sessions are not put back after a loss.
    NoReReport,
    /// Nothing is kept free for sessions that nobody has reported yet.
    NoGhosts,
    /// An idle hour buys a burst.
    UnboundedCredit,
    /// Edges forget how far the line had come.
    FrontierForgotten,
    /// Who did not claim in time goes to the back.
    LapsedToBack,
    /// Claim windows run on while nobody can claim.
    WindowsDoNotPause,
    /// Whoever is first blocks the line, there or not.
    AbsentBlocks,
    /// New places are stamped by a clock that is behind.
    BornAhead,
    /// A repeated claim takes a second slot.
    DoubleSlot,
    /// A touch brings back a session that was ended.
    TouchResurrects,
    /// A session that was ended goes on where another edge reports it after a loss.
    EndOverruled,
    /// Used places can be used again.
    SpentForgotten,
    /// Slots are given to people who are not there.
    PresenceIgnored,
    /// Places are granted before older ones could come in.
    SettleIgnored,
    /// What the operator decided is lost with the data.
    SettingsLost,
    /// Every poll puts the place into the index again.
    EveryPollJoins,
}

impl Flaw {
    /// The invariants that this design breaks.
    pub fn breaks(self) -> &'static [&'static str] {
        match self {
            Flaw::NoEpoch => &["I2", "I9"],
            Flaw::NoReservation | Flaw::NoReReport | Flaw::NoGhosts => &["I2"],
            Flaw::UnboundedCredit => &["I3"],
            Flaw::FrontierForgotten => &["I9"],
            Flaw::LapsedToBack => &["I6"],
            Flaw::WindowsDoNotPause => &["F12"],
            Flaw::AbsentBlocks => &["I10"],
            Flaw::BornAhead => &["I8"],
            Flaw::DoubleSlot => &["I4"],
            Flaw::TouchResurrects => &["I5"],
            Flaw::EndOverruled => &["I11"],
            Flaw::SpentForgotten => &["I4", "I5"],
            Flaw::PresenceIgnored => &["I1"],
            Flaw::SettleIgnored => &["I7"],
            Flaw::SettingsLost => &["I20"],
            Flaw::EveryPollJoins => &["I14"],
        }
    }
}

pub const ALL: [Flaw; 18] = [
    Flaw::NoEpoch,
    Flaw::NoReservation,
    Flaw::NoReReport,
    Flaw::NoGhosts,
    Flaw::UnboundedCredit,
    Flaw::FrontierForgotten,
    Flaw::LapsedToBack,
    Flaw::WindowsDoNotPause,
    Flaw::AbsentBlocks,
    Flaw::BornAhead,
    Flaw::DoubleSlot,
    Flaw::TouchResurrects,
    Flaw::EndOverruled,
    Flaw::SpentForgotten,
    Flaw::PresenceIgnored,
    Flaw::SettleIgnored,
    Flaw::SettingsLost,
    Flaw::EveryPollJoins,
];
