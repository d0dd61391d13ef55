//! What became of everybody who came. Pure: every visitor is in exactly one place at any moment, so the sums hold.

use parking_lot::Mutex;

/// A visitor's next step.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Step {
    Came,
    LetIn,
    GaveUp,
    TurnedAway,
    FailedOutside,
    Bought,
    SoldOut,
    LeftWithoutBooking,
    /// The card was declined, and the seats were given back.
    GaveBack,
    /// Held seats and went away; their time runs out.
    WalkedOff,
    FailedInside,
}

/// How many took each step.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Counts {
    pub came: u64,
    pub let_in: u64,
    pub gave_up: u64,
    pub turned_away: u64,
    pub failed_outside: u64,
    pub bought: u64,
    pub sold_out: u64,
    pub left: u64,
    pub gave_back: u64,
    pub walked_off: u64,
    /// In the hands of those who bought.
    pub tickets: u64,
    /// Cards that were declined, whatever came of it.
    pub declined: u64,
    pub failed_inside: u64,
}

impl Counts {
    fn take(&mut self, step: Step) {
        let count = match step {
            Step::Came => &mut self.came,
            Step::LetIn => &mut self.let_in,
            Step::GaveUp => &mut self.gave_up,
            Step::TurnedAway => &mut self.turned_away,
            Step::FailedOutside => &mut self.failed_outside,
            Step::Bought => &mut self.bought,
            Step::GaveBack => &mut self.gave_back,
            Step::WalkedOff => &mut self.walked_off,
            Step::SoldOut => &mut self.sold_out,
            Step::LeftWithoutBooking => &mut self.left,
            Step::FailedInside => &mut self.failed_inside,
        };
        *count += 1;
    }

    /// Came, and nothing has come of it yet.
    #[must_use]
    pub fn waiting(&self) -> u64 {
        let settled = self.let_in + self.gave_up + self.turned_away + self.failed_outside;
        self.came.saturating_sub(settled)
    }

    /// Let in, and still there.
    #[must_use]
    pub fn inside(&self) -> u64 {
        let gone = self.bought + self.sold_out + self.left + self.gave_back + self.walked_off + self.failed_inside;
        self.let_in.saturating_sub(gone)
    }

    #[must_use]
    pub fn failed(&self) -> u64 {
        self.failed_outside + self.failed_inside
    }
}

/// Kept while the crowd lives; one lock, so that what is read at a moment belongs together.
#[derive(Debug, Default)]
pub struct Tally(Mutex<(Counts, Option<String>)>);

impl Tally {
    pub fn note(&self, step: Step) {
        self.0.lock().0.take(step);
    }

    /// Paid for, and so many tickets seen.
    pub fn bought(&self, tickets: u64) {
        let mut tally = self.0.lock();
        tally.0.take(Step::Bought);
        tally.0.tickets += tickets;
    }

    pub fn declined(&self) {
        self.0.lock().0.declined += 1;
    }

    /// A step that should not have been taken, and why it was.
    pub fn failed(&self, step: Step, why: String) {
        let mut tally = self.0.lock();
        tally.0.take(step);
        tally.1 = Some(why);
    }

    /// The counts, and the last failure.
    #[must_use]
    pub fn read(&self) -> (Counts, Option<String>) {
        self.0.lock().clone()
    }
}
