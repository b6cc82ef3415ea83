//! `huiyin recompute`: told first, then done.

use anyhow::Result;
use domain::wait::Ending;
use testkit::company::{CHEN, Person, WANG, says};
use testkit::until;

use crate::company::Company;

/// Somebody who turns out to be a colleague.
const ZHOU: Person = Person { id: "zhou", name: "周新人", corporation: "" };

async fn answered_by(company: &Company) -> Result<Vec<String>> {
    let name = |ending: &Ending| match ending {
        Ending::Answered { name, .. } => name.clone(),
        other => format!("{other:?}"),
    };
    let waits = company.waits().await?;
    Ok(waits.iter().filter_map(|(_, wait)| wait.outcome.as_ref()).map(|outcome| name(&outcome.how)).collect())
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_would_change_is_told_and_only_then_done() -> Result<()> {
    let mut company = Company::set_up().await?;
    company.open().await?;
    for room in ["r1", "r2"] {
        let [asked, told, replied] = [900, 870, 600].map(|seconds| company.ago(seconds));
        company
            .publish(&[
                says(room, CHEN, asked, "在吗？"),
                says(room, ZHOU, told, "在的"),
                says(room, WANG, replied, "您好"),
            ])
            .await?;
    }
    until("six messages are folded", || async {
        let entries: i64 =
            sqlx::query_scalar("select count(*) from timeline").fetch_one(&company.stack.admin).await?;
        Ok(entries == 6)
    })
    .await?;
    company.stack.config.rules.roster.push(serde_json::from_value(serde_json::json!({
        "name": "周新人", "team": "pre_sales", "contacts": ["webhook:zhou"],
        "addresses": { "feishu": { "chat": "oc_zhou" } }
    }))?);
    company.stack.apply_rules(chrono::TimeDelta::days(1)).await?;

    let from = (company.stack.started - chrono::TimeDelta::hours(2)).to_rfc3339();
    let told = company.huiyin(&["recompute", "--from", &from, "--dry-run"]).await?;
    assert_eq!(told.code, 0, "{}", told.err);
    assert!(told.out.contains("answered by 王小售"), "{}", told.out);
    assert!(told.out.contains("answered by 周新人"), "{}", told.out);
    // As a stranger 周新人 waits beside the customer.
    assert!(told.out.contains("4 waits differ, in 2 rooms"), "{}", told.out);
    assert_eq!(answered_by(&company).await?, ["王小售"; 4], "a dry run does nothing");

    let one =
        company.huiyin(&["recompute", "--from", &from, "--room", "webhook:r1", "--by", "周经理"]).await?;
    assert!(one.code == 0 && one.out.contains("recomputed: 1 rooms"), "{}{}", one.out, one.err);
    assert_eq!(answered_by(&company).await?, ["周新人", "王小售", "王小售"]);
    let all = company.huiyin(&["recompute", "--from", &from]).await?;
    assert!(all.code == 0 && all.out.contains("recomputed: 1 rooms"), "{}{}", all.out, all.err);
    assert_eq!(answered_by(&company).await?, ["周新人", "周新人"]);
    let audit: Vec<(String, String, String)> =
        sqlx::query_as("select room, by_name, decision from commands where kind = 'recompute' order by room")
            .fetch_all(&company.stack.admin)
            .await?;
    let entry = |room: &str, by: &str| (room.to_owned(), by.to_owned(), "applied".to_owned());
    assert_eq!(audit, [entry("webhook:r1", "周经理"), entry("webhook:r2", "huiyin recompute")]);
    let nothing = company.huiyin(&["recompute", "--from", &from]).await?;
    assert!(nothing.code == 0 && nothing.out.contains("0 waits differ"), "{}", nothing.out);
    assert!(company.rows("system_log").await?.is_empty(), "managers are not told of the operator's work");
    company.close().await
}
