//! What sshd says of its `Match` blocks while it reads its files for a connection (`-ddd`). OpenSSH
//! 8.4 to 10.6 say it in the same words.

/// sshd's answer about a block.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum State {
    Met,
    NotMet,
    /// The block stands in a file that an unmet block includes.
    NotAsked,
}

/// A `Match` block.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Block {
    /// The words after `Match`.
    pub text: String,
    pub state: State,
}

/// The blocks, in sshd's order. `None` if sshd does not speak of them.
pub fn blocks(said: &str) -> Option<Vec<Block>> {
    let mut lines = said.lines();
    lines.find(|line| line.contains("parse_server_config_depth: config reprocess config"))?;
    let mut blocks: Vec<Block> = Vec::new();
    for line in lines {
        let line = line.strip_prefix("debug3: ").unwrap_or_default();
        if let Some(rest) = line.strip_prefix("checking match for '") {
            let text = plain(rest.rsplit_once("' user ").map_or(rest, |(text, _)| text));
            // Before OpenSSH 10, sshd does not say that such a block is met.
            let is_all = text
                .split_whitespace()
                .next()
                .is_some_and(|word| word.eq_ignore_ascii_case("all"));
            let state = if is_all { State::Met } else { State::NotMet };
            blocks.push(Block { text, state });
        } else if let Some(rest) = line.strip_prefix("checking syntax for 'Match ") {
            blocks.push(Block {
                text: plain(rest.rsplit_once('\'').map_or(rest, |(text, _)| text)),
                state: State::NotAsked,
            });
        } else if line.starts_with("match found")
            && let Some(last) = blocks.last_mut()
            && last.state == State::NotMet
        {
            last.state = State::Met;
        }
    }
    Some(blocks)
}

/// Undoes vis(3), with which sshd writes its log.
fn plain(text: &str) -> String {
    let mut bytes = Vec::new();
    let mut rest = text.as_bytes();
    loop {
        rest = match rest {
            [] => break,
            [
                b'\\',
                a @ b'0'..=b'3',
                b @ b'0'..=b'7',
                c @ b'0'..=b'7',
                rest @ ..,
            ] => {
                bytes.push((a & 3) << 6 | (b & 7) << 3 | (c & 7));
                rest
            }
            [b'\\', b'\\', rest @ ..] => {
                bytes.push(b'\\');
                rest
            }
            [byte, rest @ ..] => {
                bytes.push(*byte);
                rest
            }
        }
    }
    String::from_utf8_lossy(&bytes).into_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn blocks_of_all_versions() {
        let of_8_4 = "debug3: checking syntax for 'Match User lee'\n\
            debug2: parse_server_config_depth: config reprocess config len 3224\n\
            debug3: checking match for 'User lee' user lee host h addr 192.0.2.1 laddr 127.0.0.1 lport 22\n\
            debug1: user lee matched 'User lee' at line 1\n\
            debug3: match found\n\
            debug3: checking match for 'Group \"domain users\"' user lee host h addr 192.0.2.1 laddr 127.0.0.1 lport 22\n\
            debug3: match not found\n\
            debug3: checking match for 'all' user lee host h addr 192.0.2.1 laddr 127.0.0.1 lport 22\n\
            debug3: checking syntax for 'Match User caf\\303\\251,ACME\\\\kim'\n\
            debug3: match found\n";
        let of_10_6 = of_8_4
            .replace("lport 22\n", "lport 22 rdomain (null) on line 3\n")
            .replace("found\n", "found on line 3\n")
            .replace("kim'\n", "kim' on line 3\n");
        let expected = [
            ("User lee", State::Met),
            ("Group \"domain users\"", State::NotMet),
            ("all", State::Met),
            ("User caf\u{e9},ACME\\kim", State::NotAsked),
        ];
        for said in [of_8_4, &of_10_6] {
            let found = blocks(said).unwrap();
            let found: Vec<_> = found.iter().map(|b| (b.text.as_str(), b.state)).collect();
            assert_eq!(found, expected);
        }
        assert_eq!(blocks("debug3: checking match for 'all'"), None);
    }
}
