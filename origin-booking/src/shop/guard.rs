//! The rules that a negative control can switch off, one at a time, to show that a test would have noticed. In a product
//! build they are always on, and this is nothing but `condition`.

#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Guard {
    Stock,
    Seat,
    Cap,
    Holder,
    Stage,
    CouponStock,
    CouponOnce,
    CodeUses,
    Points,
    VoteOnce,
    KeyOnce,
    TicketOnce,
    /// The provider is asked before a payment's places are freed.
    Doubt,
    /// What no order wants is remembered until it is let go.
    Unwanted,
    /// News of one attempt is no news of another.
    Attempt,
    /// Money that a provider took is given back by the provider.
    Refund,
    /// An event of the provider is taken in once.
    EventOnce,
}

impl Guard {
    /// Whether this condition forbids what is asked.
    #[cfg(not(test))]
    pub(super) fn forbids(self, condition: bool) -> bool {
        condition
    }

    #[cfg(test)]
    pub(super) fn forbids(self, condition: bool) -> bool {
        condition && OFF.with(std::cell::Cell::get) != Some(self)
    }

    /// Off from now on, on this thread.
    #[cfg(test)]
    pub(crate) fn switch_off(self) {
        OFF.with(|off| off.set(Some(self)));
    }

    /// Runs something with this guard off, on this thread alone.
    #[cfg(test)]
    pub(super) fn without<T>(self, run: impl FnOnce() -> T) -> T {
        OFF.with(|off| off.set(Some(self)));
        let result = run();
        OFF.with(|off| off.set(None));
        result
    }
}

#[cfg(test)]
thread_local! {
    static OFF: std::cell::Cell<Option<Guard>> = const { std::cell::Cell::new(None) };
}
