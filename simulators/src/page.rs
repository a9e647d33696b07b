//! The report as a page: one file with charts, tables and the figures themselves, which needs nothing from anywhere.
//! Charts are uPlot's (`assets/uplot`, MIT).

use serde_json::Value;

use crate::load::FORM;

const PAGE: &str = include_str!("../assets/report/page.html");
const PARTS: [(&str, &str); 5] = [
    ("{{uplot.css}}", include_str!("../assets/uplot/uPlot.min.css")),
    ("{{page.css}}", include_str!("../assets/report/page.css")),
    ("{{uplot.licence}}", include_str!("../assets/uplot/LICENSE")),
    ("{{uplot.js}}", include_str!("../assets/uplot/uPlot.iife.min.js")),
    ("{{page.js}}", include_str!("../assets/report/page.js")),
];
/// Runs of one page.
const MOST_RUNS: usize = 64;

/// Why no page can be made.
#[derive(Debug, thiserror::Error)]
pub enum PageError {
    /// A report is not JSON.
    #[error("report {0}: {1}")]
    Json(usize, serde_json::Error),
    /// It is something else, or of another version.
    #[error("report {0} is not of the form {FORM}")]
    Form(usize),
    /// Too few or too many.
    #[error("a page has 1 to {MOST_RUNS} reports")]
    Count,
}

/// Makes a page of one report, or a comparison of several, from their JSON.
///
/// # Errors
/// [`PageError`].
pub fn render(reports: &[String]) -> Result<String, PageError> {
    if !(1..=MOST_RUNS).contains(&reports.len()) {
        return Err(PageError::Count);
    }
    let mut runs = Vec::new();
    for (number, text) in (1..).zip(reports) {
        let run: Value = serde_json::from_str(text).map_err(|error| PageError::Json(number, error))?;
        if run.get("form").and_then(Value::as_str) != Some(FORM) {
            return Err(PageError::Form(number));
        }
        runs.push(run);
    }
    // Nothing in a script element may look like its end.
    let runs = Value::Array(runs).to_string().replace('<', "\\u003c");
    let (before, after) = PAGE.split_once("{{runs}}").unwrap_or((PAGE, ""));
    let fill = |text: &str| PARTS.iter().fold(text.to_owned(), |text, (mark, part)| text.replace(mark, part));
    Ok([fill(before), runs, fill(after)].concat())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::load::Report;

    fn report(title: &str) -> String {
        let report = Report { form: FORM, title: title.to_owned(), ..Report::default() };
        serde_json::to_string(&report).unwrap()
    }

    #[test]
    fn a_page_stands_alone() {
        let page = render(&[report("</script><b>one"), report("{{page.js}} two")]).unwrap();
        assert!(page.contains("\\u003c/script>\\u003cb>one") && page.contains("{{page.js}} two"));
        assert_eq!(page.matches("{{").count(), 1, "only the title's");
        assert_eq!((page.matches("<script").count(), page.matches("</script>").count()), (3, 3));
        for outside in ["src=", "href=", "@import", "url(", "fetch(", "XMLHttpRequest"] {
            assert!(!page.contains(outside), "{outside}");
        }
        assert!(page.contains("Permission is hereby granted"));
    }

    #[test]
    fn what_is_no_report_is_refused() {
        assert!(matches!(render(&[]), Err(PageError::Count)));
        assert!(matches!(render(&["{}".to_owned()]), Err(PageError::Form(1))));
        assert!(matches!(render(&[report("a"), "[".to_owned()]), Err(PageError::Json(2, _))));
        assert!(matches!(render(&["{\"form\": \"veilgate-load/0\"}".to_owned()]), Err(PageError::Form(1))));
    }
}
