//! Steps of a commit at which a test may make it fail, or kill the process. The journals' own tests are with the writer:
//! a journal is good when no writer on it loses or doubles anything.

use super::JournalError;

#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Step {
    /// Nothing was done yet.
    Begin,
    /// The facts are written and not committed.
    Inserted,
    /// All is durable; nobody has heard so.
    Committed,
}

pub(crate) type Probe = Box<dyn FnMut(Step) -> Result<(), JournalError> + Send>;

pub(crate) fn no_probe() -> Probe {
    Box::new(|_| Ok(()))
}
