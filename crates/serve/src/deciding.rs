//! Log-probabilities of the token that decides, from the margin that the engine gives.
//!
//! The engine weighs the two sides of the contract against each other and nothing else,
//! so these are probabilities among the beginnings of answers, not among all tokens. The
//! difference of the two is the margin, as a client would compute it from any server.
//! The other tokens of the answer stand beside it, so that a client can follow the text
//! to the place, with the value that OpenAI has for a probability that is not known.

use domain::prompt::Alternatives;
use serde_json::{Value, json};

const UNKNOWN: f64 = -9999.0;

/// `logprobs` of a choice: an entry for each piece of the final message, of which the
/// first that belongs to one side only has figures. None where no piece does.
pub fn deciding_token(sides: &Alternatives, pieces: &[String], margin: f64) -> Option<Value> {
    let at = deciding(sides, pieces)?;
    let text = pieces[..at].concat();
    let (lead, others) = match fits(&sides.violating, &format!("{text}{}", pieces[at])) {
        true => (margin, &sides.safe),
        false => (-margin, &sides.violating),
    };
    let entries = pieces.iter().enumerate().map(|(i, piece)| match i == at {
        true => entry(piece, lead, others, &text),
        false => {
            let mut entry = token(piece, UNKNOWN);
            entry["top_logprobs"] = json!([]);
            entry
        }
    });
    Some(json!({"content": entries.collect::<Vec<Value>>(), "refusal": null}))
}

/// The position of the piece that decides.
fn deciding(sides: &Alternatives, pieces: &[String]) -> Option<usize> {
    let mut text = String::new();
    for (at, piece) in pieces.iter().enumerate() {
        text.push_str(piece);
        match (fits(&sides.violating, &text), fits(&sides.safe, &text)) {
            (true, true) => {}
            (false, false) => return None,
            (true, false) | (false, true) => return Some(at),
        }
    }
    None
}

fn token(token: &str, logprob: f64) -> Value {
    json!({"token": token, "logprob": logprob, "bytes": token.as_bytes()})
}

fn entry(piece: &str, lead: f64, others: &[String], text: &str) -> Value {
    // ln of the logistic function, without overflow on either side.
    let ln_share = |lead: f64| -(-lead.abs()).exp().ln_1p() + lead.min(0.0);
    let mut chosen = token(piece, ln_share(lead));
    let mut top = vec![chosen.clone()];
    let other = others
        .iter()
        .filter_map(|other| other.strip_prefix(text))
        .find(|rest| !rest.is_empty());
    top.extend(other.map(|rest| token(rest, ln_share(-lead))));
    top.sort_by(|a, b| {
        let logprob = |entry: &Value| entry["logprob"].as_f64().unwrap_or_default();
        logprob(b).total_cmp(&logprob(a))
    });
    chosen["top_logprobs"] = json!(top);
    chosen
}

/// Whether some alternative begins with the text, or the text with it; as the engine's
/// margin has it.
fn fits(side: &[String], text: &str) -> bool {
    side.iter()
        .any(|a| a.starts_with(text) || text.starts_with(a.as_str()))
}

#[cfg(test)]
mod tests {
    #![expect(clippy::unwrap_used, reason = "tests")]
    use super::*;

    fn sides(violating: &str, safe: &str) -> Alternatives {
        Alternatives {
            violating: vec![violating.to_owned()],
            safe: vec![safe.to_owned()],
        }
    }

    fn check(sides: &Alternatives, pieces: &[&str], margin: f64) -> Option<(String, f64, f64)> {
        let pieces: Vec<String> = pieces.iter().map(|piece| (*piece).to_owned()).collect();
        let found = deciding_token(sides, &pieces, margin)?;
        let entries = found["content"].as_array().unwrap();
        assert_eq!(entries.len(), pieces.len());
        let entry = entries
            .iter()
            .find(|entry| entry["logprob"] != json!(UNKNOWN));
        let entry = entry.unwrap();
        let logprob = |wanted: bool| {
            let top = entry["top_logprobs"].as_array().unwrap();
            let of = top
                .iter()
                .find(|t| (t["token"] == entry["token"]) == wanted);
            of.unwrap()["logprob"].as_f64().unwrap()
        };
        let token = entry["token"].as_str().unwrap().to_owned();
        Some((token, logprob(true), logprob(false)))
    }

    #[test]
    fn the_difference_is_the_margin() {
        let labels = sides("VIOLATES", "SAFE");
        for margin in [-800.0, -3.0, 0.0, 0.25, 40.0] {
            let (token, chosen, other) = check(&labels, &["VIOL", "ATES", " T1"], margin).unwrap();
            assert_eq!(token, "VIOL");
            assert!((chosen - other - margin).abs() < 1e-9, "{margin}");
            assert!(chosen <= 0.0 && other <= 0.0);
        }
        let (token, chosen, other) = check(&labels, &["SAFE"], -3.0).unwrap();
        assert_eq!(token, "SAFE");
        assert!((chosen - other - 3.0).abs() < 1e-9);
    }

    #[test]
    fn what_both_sides_begin_with_does_not_decide() {
        let json = sides("{\"violation\": 1", "{\"violation\": 0");
        let (token, ..) = check(&json, &["{\"", "violation", "\": ", "1", "}"], 2.0).unwrap();
        assert_eq!(token, "1");
        assert_eq!(check(&json, &["```"], 2.0), None);
        assert_eq!(check(&json, &[], 2.0), None);
    }
}
