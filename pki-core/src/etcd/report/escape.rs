//! Text in HTML, SVG and Mermaid. All text of a page that is not this program's own passes one of these functions.

use crate::base::text::is_unshowable;

/// Whether a picture brings its own style, because it stands in no page.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Styled {
    Alone,
    InPage,
}

/// The style of pages and pictures.
pub(crate) const STYLE: &str = include_str!("style.css");

/// Text for HTML and SVG, in elements and in quoted attributes. What is not to be seen is escaped as in messages.
pub(crate) fn markup(text: &str) -> String {
    let mut escaped = String::with_capacity(text.len());
    for c in text.chars() {
        match c {
            '&' => escaped.push_str("&amp;"),
            '<' => escaped.push_str("&lt;"),
            '>' => escaped.push_str("&gt;"),
            '"' => escaped.push_str("&quot;"),
            '\'' => escaped.push_str("&#39;"),
            // XML has no such characters (XML 1.0 section 2.2).
            '\u{fffe}' | '\u{ffff}' => escaped.extend(c.escape_default()),
            c if is_unshowable(c) => escaped.extend(c.escape_default()),
            c => escaped.push(c),
        }
    }
    escaped
}

/// Text for a quoted label of Mermaid, which reads `#35;` as a character.
pub(crate) fn label(text: &str) -> String {
    let mut escaped = String::with_capacity(text.len());
    for c in text.chars() {
        match c {
            c if c.is_ascii_alphanumeric() || matches!(c, ' ' | '.' | ',' | '-' | '_' | '=') => {
                escaped.push(c);
            }
            c if is_unshowable(c) => escaped.push('?'),
            c => escaped.push_str(&format!("#{};", u32::from(c))),
        }
    }
    escaped
}

/// The text in at most so many cells of a font whose letters are equally wide. Letters outside ASCII count as two.
pub(crate) fn shortened(text: &str, cells: usize) -> String {
    let width = |c: char| if c.is_ascii() { 1 } else { 2 };
    let shown: String = crate::base::shown(text).into_owned();
    if shown.chars().map(width).sum::<usize>() <= cells {
        return shown;
    }
    // Names that are alike at the begin often differ at the end.
    let mut end = Vec::new();
    let mut used = 2;
    for c in shown.chars().rev().take_while(|_| cells >= 12) {
        used += width(c);
        if used > cells / 3 {
            used -= width(c);
            break;
        }
        end.push(c);
    }
    let mut short = String::new();
    for c in shown.chars() {
        used += width(c);
        if used > cells {
            break;
        }
        short.push(c);
    }
    short.push('…');
    short.extend(end.iter().rev());
    short
}

/// A text of SVG that is shortened to so many cells. Its title has all of it.
pub(crate) fn svg_text(x: i32, y: i32, class: &str, text: &str, cells: usize) -> String {
    let short = shortened(text, cells);
    format!(
        "<text x=\"{x}\" y=\"{y}\" class=\"{class}\">{}<title>{}</title></text>\n",
        markup(&short),
        markup(text)
    )
}

/// The begin of a picture with a title.
pub(crate) fn svg_begin(width: i32, height: i32, title: &str, styled: Styled) -> String {
    let (style, size) = match styled {
        Styled::Alone => {
            (format!("<style>{STYLE}</style>\n"), format!(" width=\"{width}\" height=\"{height}\""))
        }
        Styled::InPage => (String::new(), String::new()),
    };
    let title = markup(title);
    format!(
        "<svg xmlns=\"http://www.w3.org/2000/svg\" viewBox=\"0 0 {width} {height}\"{size} role=\"img\" \
         aria-label=\"{title}\">\n<title>{title}</title>\n{style}"
    )
}
