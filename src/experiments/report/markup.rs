//! Writes XML, the common form of HTML and SVG. Only literals of the source are written unescaped.

use std::fmt::{self, Display, Write};

/// A name and its value.
pub(super) type Attribute<'a> = (&'static str, &'a dyn Display);

/// XML under construction. Names are literals and everything else is escaped, so a user's text
/// never becomes markup.
#[derive(Clone, Default)]
pub(super) struct Markup(String);

impl Markup {
    /// `<name a="b">`.
    pub(super) fn open(&mut self, name: &'static str, attributes: &[Attribute<'_>]) {
        self.tag(name, attributes, ">");
    }

    /// `</name>`.
    pub(super) fn close(&mut self, name: &'static str) {
        self.0.push_str("</");
        self.0.push_str(name);
        self.0.push('>');
    }

    /// `<name a="b"/>`.
    pub(super) fn empty(&mut self, name: &'static str, attributes: &[Attribute<'_>]) {
        self.tag(name, attributes, "/>");
    }

    /// `<name a="b">text</name>`.
    pub(super) fn leaf(&mut self, name: &'static str, attributes: &[Attribute<'_>], text: impl Display) {
        self.open(name, attributes);
        self.text(text);
        self.close(name);
    }

    /// Writes escaped text.
    pub(super) fn text(&mut self, text: impl Display) {
        // Writing to a string cannot fail.
        let _ = write!(Escaped(&mut self.0), "{text}");
    }

    /// Writes a literal of the source unescaped.
    pub(super) fn literal(&mut self, markup: &'static str) {
        self.0.push_str(markup);
    }

    /// Appends other markup.
    pub(super) fn append(&mut self, other: &Markup) {
        self.0.push_str(&other.0);
    }

    /// The finished XML.
    pub(super) fn into_string(self) -> String {
        self.0
    }

    fn tag(&mut self, name: &'static str, attributes: &[Attribute<'_>], end: &'static str) {
        self.0.push('<');
        self.0.push_str(name);
        for (name, value) in attributes {
            self.0.push(' ');
            self.0.push_str(name);
            self.0.push_str("=\"");
            self.text(value);
            self.0.push('"');
        }
        self.0.push_str(end);
    }
}

struct Escaped<'a>(&'a mut String);

impl Write for Escaped<'_> {
    fn write_str(&mut self, text: &str) -> fmt::Result {
        for character in text.chars() {
            match character {
                '&' => self.0.push_str("&amp;"),
                '<' => self.0.push_str("&lt;"),
                '>' => self.0.push_str("&gt;"),
                '"' => self.0.push_str("&quot;"),
                '\'' => self.0.push_str("&#39;"),
                '\t' | '\n' => self.0.push(character),
                // XML forbids these, even escaped; direction marks could disguise text.
                '\0'..='\u{1f}' | '\u{7f}'..='\u{9f}' | '\u{fffe}' | '\u{ffff}' => self.0.push('\u{fffd}'),
                '\u{202a}'..='\u{202e}' | '\u{2066}'..='\u{2069}' => self.0.push('\u{fffd}'),
                _ => self.0.push(character),
            }
        }
        Ok(())
    }
}
