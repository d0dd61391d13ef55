//! What an error of Redis means for a call: try again, load the script, look for another server, or
//! give up, and as which [`StoreError`]. Pure.

use redis::{ErrorKind, RedisError, ServerErrorKind};

use super::breaker::Outcome;
use crate::store::StoreError;

/// A classified error.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(super) struct Fault {
    pub remedy: Remedy,
    pub error: StoreError,
    /// Whether the server, or the way to it, is to blame.
    pub outcome: Outcome,
}

/// What may help.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum Remedy {
    /// Nothing; the answer would be the same.
    None,
    /// The same again shortly, on the same connection. All our scripts may run twice.
    Retry,
    /// The script must be loaded first; nothing ran.
    LoadScript,
    /// This connection is of no more use, or leads to the wrong server.
    Reconnect,
}

/// No answer in time.
pub(super) fn timed_out() -> Fault {
    away(Remedy::Retry, "no answer in time".to_owned())
}

pub(super) fn classify(error: &RedisError) -> Fault {
    match error.kind() {
        ErrorKind::Server(kind) => server(kind, error),
        ErrorKind::Extension => extension(error),
        ErrorKind::AuthenticationFailed | ErrorKind::InvalidClientConfig => refused(error),
        ErrorKind::Parse | ErrorKind::UnexpectedReturnType => nonsense(error),
        _ if error.is_timeout() => timed_out(),
        _ => away(Remedy::Reconnect, error.to_string()),
    }
}

fn server(kind: ServerErrorKind, error: &RedisError) -> Fault {
    match kind {
        ServerErrorKind::NoScript => Fault {
            remedy: Remedy::LoadScript,
            ..refused(error)
        },
        ServerErrorKind::TryAgain | ServerErrorKind::ClusterDown | ServerErrorKind::BusyLoading => {
            away(Remedy::Retry, error.to_string())
        }
        // A master that was demoted, or a replica that lost its master: somebody else is master now.
        ServerErrorKind::ReadOnly | ServerErrorKind::MasterDown => away(Remedy::Reconnect, error.to_string()),
        // The cluster client follows these by itself; here they mean that it gave up, or that a
        // single-server URL leads into a cluster.
        ServerErrorKind::Moved | ServerErrorKind::Ask => Fault {
            remedy: Remedy::Reconnect,
            error: StoreError::Away(format!("{error} (a cluster needs a redis+cluster:// URL)")),
            outcome: Outcome::Bad,
        },
        _ => match error.detail() {
            // Redis 7 wraps an error inside a script as `ERR …`; older servers do so for OOM and READONLY too.
            Some(detail) if detail.contains("READONLY") => away(Remedy::Reconnect, error.to_string()),
            _ => refused(error),
        },
    }
}

/// Errors whose code the client library does not know.
fn extension(error: &RedisError) -> Fault {
    match error.code().unwrap_or_default() {
        "BUSY" | "UNBLOCKED" => away(Remedy::Retry, error.to_string()),
        "NOREPLICAS" | "MISCONF" => Fault {
            outcome: Outcome::Bad,
            ..refused(error)
        },
        _ => refused(error),
    }
}

fn away(remedy: Remedy, why: String) -> Fault {
    Fault {
        remedy,
        error: StoreError::Away(why),
        outcome: Outcome::Bad,
    }
}

fn refused(error: &RedisError) -> Fault {
    Fault {
        remedy: Remedy::None,
        error: StoreError::Refused(error.to_string()),
        outcome: Outcome::Good,
    }
}

fn nonsense(error: &RedisError) -> Fault {
    Fault {
        remedy: Remedy::Reconnect,
        error: StoreError::Nonsense(error.to_string()),
        outcome: Outcome::Bad,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn of(line: &str) -> Fault {
        let value = redis::parse_redis_value(format!("-{line}\r\n").as_bytes()).unwrap();
        classify(&value.extract_error().unwrap_err())
    }

    #[test]
    fn f7_every_error_line_has_its_remedy() {
        let table = [
            ("NOSCRIPT No matching script", Remedy::LoadScript, "refused"),
            (
                "TRYAGAIN Multiple keys request during rehashing of slot",
                Remedy::Retry,
                "away",
            ),
            ("CLUSTERDOWN The cluster is down", Remedy::Retry, "away"),
            ("LOADING Redis is loading the dataset in memory", Remedy::Retry, "away"),
            ("BUSY Redis is busy running a script", Remedy::Retry, "away"),
            (
                "READONLY You can't write against a read only replica.",
                Remedy::Reconnect,
                "away",
            ),
            ("MASTERDOWN Link with MASTER is down", Remedy::Reconnect, "away"),
            ("MOVED 3999 127.0.0.1:6381", Remedy::Reconnect, "away"),
            ("ASK 3999 127.0.0.1:6381", Remedy::Reconnect, "away"),
            (
                "OOM command not allowed when used memory > 'maxmemory'.",
                Remedy::None,
                "refused",
            ),
            ("NOREPLICAS Not enough good replicas to write.", Remedy::None, "refused"),
            ("MISCONF Errors writing to the AOF file", Remedy::None, "refused"),
            ("NOPERM this user has no permissions", Remedy::None, "refused"),
            ("NOAUTH Authentication required.", Remedy::None, "refused"),
            ("WRONGPASS invalid username-password pair", Remedy::None, "refused"),
            (
                "CROSSSLOT Keys in request don't hash to the same slot",
                Remedy::None,
                "refused",
            ),
            (
                "ERR user_script:1: attempt to index a nil value",
                Remedy::None,
                "refused",
            ),
            ("ERR READONLY You can't write, script: f_1", Remedy::Reconnect, "away"),
            ("WHATEVER new in some later version", Remedy::None, "refused"),
        ];
        for (line, remedy, kind) in table {
            let fault = of(line);
            assert_eq!(fault.remedy, remedy, "{line}");
            let is_away = matches!(fault.error, StoreError::Away(_));
            assert_eq!(is_away, kind == "away", "{line}: {fault:?}");
        }
    }

    #[test]
    fn a_broken_connection_is_replaced_and_a_slow_one_is_asked_again() {
        let broken = RedisError::from(std::io::Error::from(std::io::ErrorKind::BrokenPipe));
        assert_eq!(classify(&broken).remedy, Remedy::Reconnect);
        let slow = RedisError::from(std::io::Error::from(std::io::ErrorKind::TimedOut));
        assert_eq!(classify(&slow), timed_out());
    }

    #[test]
    fn an_answer_that_cannot_be_parsed_is_nonsense() {
        let error = redis::parse_redis_value(b"?what\r\n").unwrap_err();
        assert!(matches!(classify(&error).error, StoreError::Nonsense(_)), "{error}");
    }
}
