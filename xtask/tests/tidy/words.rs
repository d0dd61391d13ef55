//! Words that have no place here: unfinished code, tests switched off without a word, sleeping, paths of one machine,
//! and talk of how the text came to be written.

use crate::Finding;
use crate::tree::Tree;

struct Word {
    word: &'static str,
    /// Files by the end of their name; empty: all.
    kinds: &'static [&'static str],
    /// Where it may stand, by the beginning of the path.
    except: &'static [&'static str],
    instead: &'static str,
}

const RUST: &[&str] = &[".rs"];
const THIS_FILE: &str = "xtask/tests/tidy/words.rs";

const WORDS: &[Word] = &[
    Word {
        word: "todo!(",
        kinds: RUST,
        except: &[],
        instead: "finish it, or leave it out",
    },
    Word {
        word: "unimplemented!(",
        kinds: RUST,
        except: &[],
        instead: "finish it, or leave it out",
    },
    Word {
        word: "dbg!(",
        kinds: RUST,
        except: &[],
        instead: "tracing",
    },
    Word {
        word: "#[ignore]",
        kinds: RUST,
        except: &[],
        instead: "run it, or give the reason: #[ignore = \"…\"]",
    },
    Word {
        word: "#![allow(warnings",
        kinds: RUST,
        except: &[],
        instead: "fix the warning",
    },
    Word {
        word: "thread::sleep(",
        kinds: RUST,
        // Polling a condition with a deadline, or pacing work against real processes, in plain threads.
        except: &[
            "testkit/src/",
            "benches/",
            "admission/tests/line_redis.rs",
            "config/tests/deploy/",
            "proxy/tests/e2e",
            "proxy/src/logging.rs",
        ],
        instead: "a fake clock, or a deadline while polling a condition",
    },
    Word {
        word: "/work/",
        kinds: &[],
        except: &[],
        instead: "no path of one machine",
    },
    Word {
        word: "/root/",
        kinds: &[],
        except: &["deploy/"],
        instead: "no path of one machine",
    },
    Word {
        word: "/home/",
        kinds: &[],
        except: &[],
        instead: "no path of one machine",
    },
    Word {
        word: "Claude",
        kinds: &[],
        except: &[],
        instead: "speak of Stanchion alone",
    },
    Word {
        word: "Anthropic",
        kinds: &[],
        except: &[],
        instead: "speak of Stanchion alone",
    },
    Word {
        word: "ChatGPT",
        kinds: &[],
        except: &[],
        instead: "speak of Stanchion alone",
    },
    Word {
        word: "Copilot",
        kinds: &[],
        except: &[],
        instead: "speak of Stanchion alone",
    },
    Word {
        word: "language model",
        kinds: &[],
        except: &[],
        instead: "speak of Stanchion alone",
    },
    Word {
        word: "AI-generated",
        kinds: &[],
        except: &[],
        instead: "speak of Stanchion alone",
    },
    Word {
        word: "as an AI",
        kinds: &[],
        except: &[],
        instead: "speak of Stanchion alone",
    },
    Word {
        word: "the brief",
        kinds: &[".rs", ".md", ".lua"],
        except: &[],
        instead: "give the reason itself",
    },
    Word {
        word: "this session's work",
        kinds: &[],
        except: &[],
        instead: "speak of Stanchion alone",
    },
    Word {
        word: "another helper",
        kinds: &[],
        except: &[],
        instead: "speak of Stanchion alone",
    },
    Word {
        word: "lorem ipsum",
        kinds: &[],
        except: &[],
        instead: "real words",
    },
];

pub fn findings(tree: &Tree) -> Vec<Finding> {
    let mut findings = Vec::new();
    for (path, text) in &tree.files {
        if path == THIS_FILE || path.ends_with(".lock") {
            continue;
        }
        for (index, line) in text.lines().enumerate() {
            findings.extend(
                WORDS
                    .iter()
                    .filter(|word| word.applies_to(path) && line.contains(word.word))
                    .map(|word| format!("{path}:{}: `{}`: {}", index + 1, word.word, word.instead)),
            );
        }
    }
    findings
}

impl Word {
    fn applies_to(&self, path: &str) -> bool {
        let kind = self.kinds.is_empty() || self.kinds.iter().any(|kind| path.ends_with(kind));
        kind && !self.except.iter().any(|place| path.starts_with(place))
    }
}

pub fn headless(tree: &Tree) -> Vec<Finding> {
    tree.rust()
        .filter(|(_, text)| !text.trim_start().starts_with("//!"))
        .map(|(path, _)| format!("{path}: says nothing about itself"))
        .collect()
}

#[test]
fn words_are_found_where_they_count() {
    let mut tree = Tree {
        files: Default::default(),
    };
    tree.files.insert(
        "proxy/src/x.rs".into(),
        "fn f() { todo!() }\n#[ignore = \"slow\"]\n".into(),
    );
    tree.files
        .insert("testkit/src/y.rs".into(), "//! y\nstd::thread::sleep(poll);\n".into());
    tree.files.insert("z.md".into(), "see /work/x\n".into());
    let found = findings(&tree);
    assert_eq!(found.len(), 2, "{found:?}");
    assert_eq!(headless(&tree), ["proxy/src/x.rs: says nothing about itself"]);
}
