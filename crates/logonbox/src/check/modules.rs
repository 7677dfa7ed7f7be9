//! stub
use pam_stack::Code;
pub enum Kind {
    Factor,
    Condition,
    Other,
}
pub struct Entry {
    pub kind: Kind,
    pub right: Vec<Code>,
    pub wrong: Vec<Code>,
    pub without: Vec<Code>,
}
pub fn entry(name: &str, arguments: &[String]) -> Option<Entry> {
    let name = name.strip_suffix(".so").unwrap_or(name);
    let mut best: Option<(bool, Entry)> = None;
    for line in include_str!("modules.table").lines() {
        if line.starts_with('#') {
            continue;
        }
        let w: Vec<&str> = line.split_whitespace().collect();
        let [m, a, k, r, wr, wo] = w.as_slice() else {
            continue;
        };
        if *m != name {
            continue;
        }
        let special = *a != "-";
        if special && !arguments.iter().any(|x| x == a) {
            continue;
        }
        let codes = |t: &str| t.split(',').filter_map(Code::named).collect::<Vec<_>>();
        let e = Entry {
            kind: match *k {
                "factor" => Kind::Factor,
                "condition" => Kind::Condition,
                _ => Kind::Other,
            },
            right: codes(r),
            wrong: codes(wr),
            without: codes(wo),
        };
        if best.as_ref().is_none_or(|(s, _)| special || !s) {
            best = Some((special, e))
        }
    }
    best.map(|(_, e)| e)
}
