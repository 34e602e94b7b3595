//! The commands of the screens Compare, Coverage and History.

use super::Reply;
use crate::host::Host;
use domain::run::RunId;
use domain::stats::groups::GroupBy;
use studio::view::{CompareView, CoverageView, CsvTable, SearchResult, Statistics};
use tauri::State;

#[tauri::command]
pub async fn compare(host: State<'_, Host>, a: RunId, b: RunId) -> Reply<CompareView> {
    host.studio().await?.compare_view(a, b).await
}

#[tauri::command]
pub async fn coverage(host: State<'_, Host>, run: RunId) -> Reply<CoverageView> {
    host.studio().await?.coverage_view(run).await
}

#[tauri::command]
pub async fn statistics(
    host: State<'_, Host>,
    runs: Vec<RunId>,
    by: Option<GroupBy>,
) -> Reply<Statistics> {
    host.studio().await?.statistics(&runs, by).await
}

#[tauri::command]
pub async fn search(
    host: State<'_, Host>,
    text: String,
    policy: Option<String>,
) -> Reply<SearchResult> {
    let studio = host.studio().await?;
    studio.search(&text, policy.as_deref()).await
}

/// Says where the file lies.
#[tauri::command]
pub async fn export_csv(host: State<'_, Host>, of: CsvTable, out: String) -> Reply<String> {
    let path = host.studio().await?.export_csv(&of, out.as_ref()).await?;
    Ok(path.display().to_string())
}

#[tauri::command]
pub async fn export_svg(host: State<'_, Host>, svg: String, out: String) -> Reply<String> {
    let path = host.studio().await?.export_svg(&svg, out.as_ref())?;
    Ok(path.display().to_string())
}
