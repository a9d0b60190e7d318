//! The command line that all interop peers share.

use std::collections::HashMap;

pub const USAGE: &str =
    "usage: peer listen [--listen MULTIADDR] [--psk FILE] [--seed N] [--no-ping]
       peer dial ADDR TEST [--psk FILE] [--seed N] [--timeout S] [--count N] [--parallel N]
                 [--size N] [--streams N] [--upload N] [--download N]
       peer pubsub [--listen MULTIADDR] [--seed N] [--unsigned]
       peer bench [--listen MULTIADDR] [--seed N] [--unsigned]
tests: cancel earlyclose echo halfclose handshakes identify many perf ping refused reset sink
       unknown wrongpeer";

const NUMBERS: [&str; 8] =
    ["seed", "timeout", "count", "parallel", "size", "streams", "upload", "download"];

#[derive(Clone, Default)]
pub struct Options {
    pub listen: Option<String>,
    pub psk: Option<String>,
    pub no_ping: bool,
    pub unsigned: bool,
    pub numbers: HashMap<String, u64>,
}

impl Options {
    pub fn number(&self, name: &str, otherwise: u64) -> u64 {
        self.numbers.get(name).copied().unwrap_or(otherwise)
    }

    /// Splits the arguments into words and options.
    pub fn parse(arguments: Vec<String>) -> Result<(Vec<String>, Self), String> {
        let mut words = vec![];
        let mut options = Self::default();
        let mut rest = arguments.into_iter();
        while let Some(argument) = rest.next() {
            let Some(name) = argument.strip_prefix("--") else {
                words.push(argument);
                continue;
            };
            if name == "no-ping" {
                options.no_ping = true;
                continue;
            }
            if name == "identified" {
                continue; // This peer waits for identify anyway.
            }
            if name == "unsigned" {
                options.unsigned = true;
                continue;
            }
            let value = rest.next().ok_or(format!("--{name} wants a value"))?;
            match name {
                "listen" => options.listen = Some(value),
                "psk" => options.psk = Some(value),
                _ if NUMBERS.contains(&name) => {
                    let number = value.parse();
                    let number = number.map_err(|_| format!("--{name} wants a number: {value}"))?;
                    options.numbers.insert(name.into(), number);
                }
                _ => return Err(format!("no option --{name}")),
            }
        }
        Ok((words, options))
    }
}
