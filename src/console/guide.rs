//! The guide as HTML pages.

use std::path::{Component, Path, PathBuf};

use pulldown_cmark::{Event, Options, Parser, Tag, TagEnd, html};

use crate::guide::{PAGES, Page, anchor};

/// The list of topics.
pub(super) fn index() -> String {
    let item = |page: &Page| {
        format!("<li><a href=\"/guide/{0}\">{0}</a>: {1}</li>\n", page.topic, escaped(page.summary))
    };
    let items: String = PAGES.iter().map(item).collect();
    framed("Guide", &format!("<h1>Guide</h1>\n<ul>\n{items}</ul>\n"))
}

/// One page.
pub(super) fn page(page: &Page) -> String {
    framed(page.title(), &rendered(page))
}

fn framed(title: &str, body: &str) -> String {
    format!(
        "<!doctype html>\n<html lang=\"en\">\n<head>\n<meta charset=\"utf-8\">\n\
         <meta name=\"viewport\" content=\"width=device-width, initial-scale=1\">\n\
         <title>{} – pomelo-sim</title>\n<link rel=\"icon\" href=\"data:,\">\n\
         <link rel=\"stylesheet\" href=\"/assets/shared.css\">\n\
         <link rel=\"stylesheet\" href=\"/assets/guide.css\">\n</head>\n<body>\n\
         <nav><a href=\"/guide\">Guide</a> <a href=\"/console\">Console</a> <a href=\"/\">Chat</a></nav>\n\
         <main>\n{body}</main>\n</body>\n</html>\n",
        escaped(title)
    )
}

fn escaped(text: &str) -> String {
    text.replace('&', "&amp;").replace('<', "&lt;").replace('>', "&gt;").replace('"', "&quot;")
}

fn rendered(page: &Page) -> String {
    let mut events: Vec<Event<'_>> = Vec::new();
    let mut heading = None;
    for event in Parser::new_ext(page.text, Options::ENABLE_TABLES) {
        match &event {
            Event::Start(Tag::Heading { .. }) => heading = Some(events.len()),
            Event::End(TagEnd::Heading(_)) => {
                let start = heading.take().unwrap_or_default();
                let text: String = events[start..].iter().filter_map(words).collect();
                if let Event::Start(Tag::Heading { id, .. }) = &mut events[start] {
                    *id = Some(anchor(&text).into());
                }
            }
            _ => {}
        }
        match event {
            Event::Start(Tag::Link { link_type, dest_url, title, id }) => {
                let dest_url = target(page, &dest_url).into();
                events.push(Event::Start(Tag::Link { link_type, dest_url, title, id }));
            }
            // Pictures are not embedded: their description replaces them.
            Event::Start(Tag::Image { .. }) | Event::End(TagEnd::Image) => {}
            Event::Html(_) | Event::InlineHtml(_) => {}
            event => events.push(event),
        }
    }
    let mut body = String::new();
    html::push_html(&mut body, events.into_iter());
    body
}

fn words<'a>(event: &'a Event<'_>) -> Option<&'a str> {
    match event {
        Event::Text(text) | Event::Code(text) => Some(text),
        _ => None,
    }
}

/// The target of a link on these pages: a page of the guide, or the list of topics for any other
/// file of the repository, which the binary does not have.
fn target(page: &Page, link: &str) -> String {
    if link.starts_with('#') || link.contains("://") {
        return link.to_owned();
    }
    let (file, anchor) = link.split_once('#').map_or((link, String::new()), |(f, a)| (f, format!("#{a}")));
    let mut path = PathBuf::new();
    let folder = Path::new(page.file).parent().unwrap_or(Path::new(""));
    for part in folder.join(file).components() {
        match part {
            Component::ParentDir => drop(path.pop()),
            part => path.push(part),
        }
    }
    let met = PAGES.iter().find(|page| Path::new(page.file) == path);
    met.map_or_else(|| "/guide".to_owned(), |page| format!("/guide/{}{anchor}", page.topic))
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;

    #[test]
    fn a_page_is_escaped_its_headings_have_anchors_and_its_links_lead_to_topics() {
        let text = "# A & `B`\n\n<script>x</script>\n\n[c](../config/guide.md#d) [e](x.rs) `<i>`\n";
        let page = Page { topic: "a", summary: "", file: "src/admin/guide.md", text };
        let html = rendered(&page);
        assert!(html.contains("<h1 id=\"a--b\">A &amp; <code>B</code></h1>"), "{html}");
        assert!(html.contains("<a href=\"/guide/config#d\">c</a> <a href=\"/guide\">e</a>"), "{html}");
        assert!(html.contains("<code>&lt;i&gt;</code>") && !html.contains("<script"), "{html}");
    }

    #[test]
    fn every_page_is_rendered_without_anything_inline() {
        for known in PAGES {
            let html = page(known);
            assert!(html.contains("<h1"), "{}", known.topic);
            assert!(!html.contains(" style=") && !html.contains("<script"), "{}", known.topic);
        }
        assert_eq!(index().matches("<li>").count(), PAGES.len());
    }
}
