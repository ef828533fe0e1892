//! A plan as text, in the form that SpacetimeDB's command line shows as it comes.

use orrery_runtime::{Action, Change, PlannedChanges};

/// The lines above and below the title.
const RULE_LEN: usize = 60;

/// Whether the text has colours.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Style {
    AnsiColor,
    NoColor,
}

impl Style {
    /// The text in a colour or another form (SGR), if there are any.
    fn paint(self, sgr: &str, text: &str) -> String {
        match self {
            Self::AnsiColor => format!("\x1b[{sgr}m{text}\x1b[0m"),
            Self::NoColor => text.to_owned(),
        }
    }
}

/// A title, then a paragraph for each change.
pub(super) fn plan_text(plan: &PlannedChanges, style: Style) -> String {
    let rule = "━".repeat(RULE_LEN);
    let title = style.paint("1;34", "Database Migration Plan");
    let mut text = format!("{rule}\n{title}\n{rule}\n\n");
    for change in &plan.changes {
        text.push_str(&change_text(change, style));
        text.push('\n');
    }
    if plan.changes.is_empty() {
        text.push_str("Nothing in the data changes.\n");
    }
    if plan.breaks_clients {
        let warning = "!!! Warning: All clients will be disconnected due to breaking schema changes";
        text.push_str(&style.paint("1;41", warning));
        text.push('\n');
    }
    text
}

fn change_text(change: &Change, style: Style) -> String {
    let Change { action, subject, name, note, details } = change;
    let colour = match action {
        Action::Created => "1;32",
        Action::Removed => "1;31",
        Action::Changed => "1;33",
    };
    let action = style.paint(colour, &action.to_string());
    let name = style.paint("1;36", name);
    let note = if note.is_empty() { String::new() } else { format!(" {note}") };
    let mut text = format!("▸ {action} {subject}: {name}{note}\n");
    for (heading, items) in details {
        text.push_str(&format!("    {}\n", style.paint("1;34", &format!("{heading}:"))));
        for item in items {
            text.push_str(&format!("        • {item}\n"));
        }
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    fn plan() -> PlannedChanges {
        PlannedChanges {
            changes: vec![
                Change {
                    action: Action::Removed,
                    subject: "index",
                    name: "by_name".into(),
                    note: "on [name] of table item".into(),
                    details: Vec::new(),
                },
                Change {
                    action: Action::Created,
                    subject: "table",
                    name: "shelf".into(),
                    note: "(public)".into(),
                    details: vec![("Columns", vec!["id: U32".into(), "label: String".into()])],
                },
            ],
            breaks_clients: true,
        }
    }

    #[test]
    fn a_plan_is_a_list_with_a_title() {
        let rule = "━".repeat(60);
        let expected = format!(
            "{rule}\nDatabase Migration Plan\n{rule}\n\n\
             ▸ Removed index: by_name on [name] of table item\n\n\
             ▸ Created table: shelf (public)\n    Columns:\n        • id: U32\n        • label: String\n\n\
             !!! Warning: All clients will be disconnected due to breaking schema changes\n"
        );
        assert_eq!(plan_text(&plan(), Style::NoColor), expected);
    }

    #[test]
    fn colours_are_all_that_colours_add() {
        let coloured = plan_text(&plan(), Style::AnsiColor);
        assert!(coloured.contains("\x1b[1;32mCreated\x1b[0m table: \x1b[1;36mshelf\x1b[0m (public)"));
        let mut plain = String::new();
        for piece in coloured.split('\x1b') {
            plain
                .push_str(piece.strip_prefix('[').and_then(|it| it.split_once('m')).map_or(piece, |it| it.1));
        }
        assert_eq!(plain, plan_text(&plan(), Style::NoColor));
    }

    #[test]
    fn no_changes_are_said_to_be_none() {
        let nothing = PlannedChanges { changes: Vec::new(), breaks_clients: false };
        assert!(plan_text(&nothing, Style::NoColor).ends_with("Nothing in the data changes.\n"));
    }
}
