//! `touchstone search`: what was ever answered, by what it says.

use crate::args::SearchArgs;
use crate::place::{self, Choice};
use crate::{json, table};
use studio::view::{Failure, SearchResult};

pub async fn search(args: SearchArgs) -> Result<(), Failure> {
    let studio = place::open(&args.place, Choice::default()).await?;
    let result = studio
        .search(&args.text.join(" "), args.policy.as_deref())
        .await;
    studio.close().await;
    let result = result?;
    if args.place.json {
        println!("{}", json::line(&result));
    } else {
        print!("{}", shown(&result, table::Style::of_stdout()));
    }
    Ok(())
}

fn shown(result: &SearchResult, style: table::Style) -> String {
    const BOLD: u8 = 1;
    if result.hits.is_empty() {
        return "No trace says that.\n".to_owned();
    }
    let mut out = String::new();
    for hit in &result.hits {
        let passage: String = hit
            .passage
            .iter()
            .map(|part| match part.hit {
                true => style.paint(&part.text, BOLD),
                false => part.text.clone(),
            })
            .collect();
        let verdict = table::verdict_word(hit.verdict);
        out += &format!(
            "{} · run {} · {} · {verdict}\n  {passage}\n",
            hit.policy, hit.run.0, hit.case
        );
    }
    if result.more {
        out += &format!("and more; the newest {} are shown\n", result.hits.len());
    }
    out
}
