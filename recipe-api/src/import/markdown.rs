//! Markdown as a flat list of blocks.

use pulldown_cmark::{Event, Options, Parser, Tag, TagEnd};

/// A piece of a document in plain text; lines of the source are separated by `\n`.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Block {
    /// A heading of level 1 to 6.
    Heading {
        /// 1 for `#`, 2 for `##`, and so on.
        level: u8,
        /// The heading without markup.
        text: String,
    },
    /// Text outside of lists.
    Paragraph {
        /// The text without markup.
        text: String,
        /// All of it is in bold.
        is_bold: bool,
    },
    /// One item of a list of any kind and depth, without the items nested in it.
    Item {
        /// The text without markup.
        text: String,
    },
}

impl Block {
    fn text(&self) -> &str {
        match self {
            Self::Heading { text, .. } | Self::Paragraph { text, .. } | Self::Item { text } => text,
        }
    }

    fn text_mut(&mut self) -> &mut String {
        match self {
            Self::Heading { text, .. } | Self::Paragraph { text, .. } | Self::Item { text } => text,
        }
    }
}

/// The blocks of a document in order, those without a letter or digit left out.
///
/// Emphasis, links and code lose their markup; images and HTML are dropped.
#[must_use]
pub fn blocks(markdown: &str) -> Vec<Block> {
    let mut flattener = Flattener::default();
    for event in Parser::new_ext(markdown, Options::empty()) {
        flattener.event(event);
    }
    let mut blocks = flattener.blocks;
    blocks.retain(|block| block.text().contains(char::is_alphanumeric));
    blocks
}

#[derive(Default)]
struct Flattener {
    blocks: Vec<Block>,
    /// Where the items stand that are open, outermost first.
    items: Vec<usize>,
    /// Where the heading or the paragraph outside of lists stands that is open.
    open: Option<usize>,
    image_depth: usize,
    strong_depth: usize,
}

impl Flattener {
    fn event(&mut self, event: Event<'_>) {
        match event {
            Event::Start(tag) => self.start(&tag),
            Event::End(tag) => self.end(tag),
            Event::Text(text) | Event::Code(text) => self.text(&text),
            Event::SoftBreak | Event::HardBreak => self.line_break(),
            _ => {}
        }
    }

    fn start(&mut self, tag: &Tag<'_>) {
        match tag {
            Tag::Heading { level, .. } => self.open(Block::Heading {
                level: *level as u8,
                text: String::new(),
            }),
            Tag::Paragraph | Tag::CodeBlock(_) if self.items.is_empty() => {
                self.open(Block::Paragraph {
                    text: String::new(),
                    is_bold: true,
                });
            }
            // A second paragraph of an item begins a line of its own.
            Tag::Paragraph | Tag::CodeBlock(_) => self.line_break(),
            Tag::Item => {
                self.items.push(self.blocks.len());
                self.blocks.push(Block::Item {
                    text: String::new(),
                });
            }
            Tag::Image { .. } => self.image_depth += 1,
            Tag::Strong => self.strong_depth += 1,
            _ => {}
        }
    }

    fn end(&mut self, tag: TagEnd) {
        match tag {
            TagEnd::Heading(_) | TagEnd::Paragraph | TagEnd::CodeBlock => self.open = None,
            TagEnd::Item => {
                self.items.pop();
            }
            TagEnd::Image => self.image_depth = self.image_depth.saturating_sub(1),
            TagEnd::Strong => self.strong_depth = self.strong_depth.saturating_sub(1),
            _ => {}
        }
    }

    fn open(&mut self, block: Block) {
        self.open = Some(self.blocks.len());
        self.blocks.push(block);
    }

    fn text(&mut self, text: &str) {
        if self.image_depth > 0 {
            return;
        }
        let is_strong = self.strong_depth > 0;
        if let Some(block) = self.current() {
            block.text_mut().push_str(text);
            if let Block::Paragraph { is_bold, .. } = block {
                *is_bold &= is_strong || text.trim().is_empty();
            }
        }
    }

    fn line_break(&mut self) {
        if let Some(block) = self.current() {
            let text = block.text_mut();
            if !text.is_empty() {
                text.push('\n');
            }
        }
    }

    fn current(&mut self) -> Option<&mut Block> {
        let index = self.open.or(self.items.last().copied())?;
        self.blocks.get_mut(index)
    }
}

#[cfg(test)]
mod tests {
    use super::{Block, blocks};

    fn item(text: &str) -> Block {
        Block::Item {
            text: text.to_owned(),
        }
    }

    fn paragraph(text: &str, is_bold: bool) -> Block {
        Block::Paragraph {
            text: text.to_owned(),
            is_bold,
        }
    }

    #[test]
    fn items_of_every_depth_and_kind_are_kept_apart() {
        let list = "1. Mix:\n    - flour\n    * water\n   + yeast\n2. Knead\n   well\n";
        assert_eq!(
            blocks(list),
            ["Mix:", "flour", "water", "yeast", "Knead\nwell"].map(item)
        );
    }

    #[test]
    fn text_after_a_nested_list_belongs_to_the_outer_item() {
        let list = "1. Mix\n   - flour\n\n   and rest.\n";
        assert_eq!(blocks(list), ["Mix\nand rest.", "flour"].map(item));
    }

    #[test]
    fn markup_images_and_html_are_gone() {
        let text = "A *very* **hot** [pan](/pan) `x` &frac12; \\* <b>b</b>\n\n![photo](/p.webp)\n\n<p>html</p>\n";
        assert_eq!(blocks(text), [paragraph("A very hot pan x ½ * b", false)]);
    }

    #[test]
    fn bold_paragraphs_are_told_apart() {
        assert_eq!(
            blocks("**Dough**\n\n__For__ **two**\n\n**Not** all\n"),
            [
                paragraph("Dough", true),
                paragraph("For two", true),
                paragraph("Not all", false)
            ]
        );
    }

    #[test]
    fn indented_code_is_text_too() {
        assert_eq!(blocks("    stir well\n"), [paragraph("stir well\n", false)]);
    }
}
