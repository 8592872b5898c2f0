//! The sections of a recipe: which block is an ingredient, a step, a note or description.

use crate::domain::{Line, fold};

use super::{
    facts::{Fact, parse_minutes, parse_servings},
    markdown::Block,
};

/// What the sections of a document say.
#[derive(Debug, Default)]
pub struct Sections {
    /// Paragraphs before the first section.
    pub description: Vec<String>,
    /// Minutes of preparation.
    pub prep_minutes: Option<u32>,
    /// Minutes of cooking.
    pub cook_minutes: Option<u32>,
    /// How many it serves.
    pub servings: Option<u32>,
    /// The yield as written.
    pub yield_text: Option<String>,
    /// Lines below the headings for ingredients.
    pub ingredients: Vec<Line>,
    /// Lines below the headings for directions.
    pub steps: Vec<Line>,
    /// Everything else.
    pub notes: Vec<Line>,
    /// The address in a line `Originally published at …`.
    pub source_url: Option<String>,
}

impl Sections {
    /// Sorts the blocks of a document.
    ///
    /// Every item of a list below Ingredients is an ingredient, every item and paragraph below
    /// Directions a step. A short line right above a list names the part of the recipe that the
    /// list is for.
    #[must_use]
    pub fn of(blocks: &[Block]) -> Self {
        let mut reader = Reader {
            sections: Self::default(),
            part: Part::Description,
            section: None,
            main: Part::Description,
            has_items: false,
        };
        let mut rest = blocks;
        while let Some((block, following)) = rest.split_first() {
            match block {
                Block::Heading { level, text } => reader.heading(*level, text, following),
                Block::Item { text } => reader.item(text),
                Block::Paragraph { text, is_bold } => {
                    let is_above_list = matches!(following.first(), Some(Block::Item { .. }));
                    reader.paragraph(text, *is_bold, is_above_list);
                }
            }
            rest = following;
        }
        reader.sections
    }
}

/// What the lines below a heading are.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Part {
    Description,
    Ingredients,
    Steps,
    Notes,
}

struct Reader {
    sections: Sections,
    part: Part,
    /// The name of the section, unless it is just the name of the part.
    section: Option<String>,
    /// The part under the last heading of level 1 or 2, which deeper headings divide.
    main: Part,
    /// There are lists below the last heading of level 1 or 2.
    has_items: bool,
}

impl Reader {
    fn heading(&mut self, level: u8, text: &str, following: &[Block]) {
        let text = one_line(text);
        let folded = fold(&text);
        let words: Vec<&str> = folded
            .split(|c: char| !c.is_alphanumeric())
            .filter(|word| !word.is_empty())
            .collect();
        if level <= 2 {
            self.has_items = following
                .iter()
                .take_while(|block| !matches!(block, Block::Heading { level: ..=2, .. }))
                .any(|block| matches!(block, Block::Item { .. }));
            self.main = self.main_part(&words);
            self.part = self.main;
        } else {
            self.part = self.sub_part(&words);
        }
        let is_bare = matches!(*words, [word] if is_name_of_part(word));
        self.section = (!is_bare).then_some(text);
    }

    fn main_part(&self, words: &[&str]) -> Part {
        let has_ingredients = !self.sections.ingredients.is_empty();
        let has_steps = !self.sections.steps.is_empty();
        if let Some(part) = named_part(words) {
            part
        } else if words.iter().any(|word| NOTE_WORDS.contains(word)) || !self.has_items {
            Part::Notes
        } else if has_steps {
            // A list below an unknown heading goes on with what came before it.
            Part::Steps
        } else if has_ingredients {
            Part::Ingredients
        } else {
            Part::Notes
        }
    }

    fn sub_part(&self, words: &[&str]) -> Part {
        if words.iter().any(|word| SUB_NOTE_WORDS.contains(word)) {
            return Part::Notes;
        }
        let is_outside = matches!(self.main, Part::Description | Part::Notes);
        match named_part(words) {
            // Deeper headings such as "Prepare the ingredients" divide the directions.
            Some(part) if is_outside || words.len() == 1 => part,
            _ => self.main,
        }
    }

    fn item(&mut self, text: &str) {
        match self.part {
            Part::Ingredients => {
                let line = self.line(text);
                self.sections.ingredients.push(line);
            }
            Part::Steps => {
                let line = self.line(text);
                self.sections.steps.push(line);
            }
            Part::Description | Part::Notes => self.prose(text),
        }
    }

    fn paragraph(&mut self, text: &str, is_bold: bool, is_above_list: bool) {
        match self.part {
            Part::Ingredients if is_above_list && is_label(text, is_bold) => self.label(text),
            Part::Ingredients if !self.has_items => {
                let lines = text.lines().filter(|line| has_word(line));
                let lines: Vec<Line> = lines.map(|line| self.line(line)).collect();
                self.sections.ingredients.extend(lines);
            }
            Part::Ingredients => self.note(text, Some("Ingredients")),
            Part::Steps if is_above_list && (is_bold || text.trim_end().ends_with(':')) => {
                self.label(text);
            }
            Part::Steps => self.step_paragraph(text),
            Part::Description | Part::Notes => self.prose(text),
        }
    }

    fn label(&mut self, text: &str) {
        self.section = Some(one_line(text).trim_end_matches(':').trim_end().to_owned());
    }

    fn step_paragraph(&mut self, text: &str) {
        if let Some(url) = published_at(text) {
            self.sections.source_url.get_or_insert(url);
            self.note(text, None);
            return;
        }
        // Lines that each begin a sentence are steps of their own; others are one wrapped text.
        let are_sentences = text
            .lines()
            .all(|line| line.trim_start().starts_with(char::is_uppercase));
        if are_sentences {
            let lines: Vec<Line> = text.lines().map(|line| self.line(line)).collect();
            self.sections.steps.extend(lines);
        } else {
            let line = self.line(text);
            self.sections.steps.push(line);
        }
    }

    /// Text outside of ingredients and directions: facts are read, the rest is kept.
    fn prose(&mut self, text: &str) {
        let mut rest = Vec::new();
        // One kind of space, since people paste others.
        for line in text.lines().map(one_line) {
            match Fact::parse(&line) {
                Some(fact) => self.fact(fact),
                None => rest.push(line),
            }
        }
        let rest = one_line(&rest.join(" "));
        if !has_word(&rest) {
            return;
        }
        if self.part == Part::Description {
            self.sections.description.push(rest);
        } else {
            self.note(&rest, None);
        }
    }

    fn fact(&mut self, fact: Fact<'_>) {
        match fact {
            Fact::PrepTime(value) => {
                let minutes = self.minutes("Prep time", value);
                self.sections.prep_minutes = self.sections.prep_minutes.or(minutes);
            }
            Fact::CookTime(value) => {
                let minutes = self.minutes("Cook time", value);
                self.sections.cook_minutes = self.sections.cook_minutes.or(minutes);
            }
            Fact::Servings(value) => {
                if self.sections.yield_text.is_none() && !value.is_empty() {
                    self.sections.servings = parse_servings(value);
                    self.sections.yield_text = Some(value.to_owned());
                }
            }
            Fact::Other(text) => self.note(text, None),
        }
    }

    /// Reads a duration; what it says beyond a number of minutes is kept as a note.
    fn minutes(&mut self, name: &str, value: &str) -> Option<u32> {
        let read = parse_minutes(value);
        if !value.is_empty() && !read.is_some_and(|read| read.is_exact) {
            self.note(&format!("{name}: {value}"), None);
        }
        read.map(|read| read.minutes)
    }

    fn note(&mut self, text: &str, section: Option<&str>) {
        let section = self.section.as_deref().or(section).map(ToOwned::to_owned);
        let text = one_line(text);
        self.sections.notes.push(Line { text, section });
    }

    fn line(&self, text: &str) -> Line {
        Line {
            text: one_line(text),
            section: self.section.clone(),
        }
    }
}

/// The part that a heading names.
fn named_part(words: &[&str]) -> Option<Part> {
    words.iter().find_map(|word| match *word {
        "ingredient" | "ingredients" => Some(Part::Ingredients),
        "direction" | "directions" | "instruction" | "instructions" | "method" | "preparation"
        | "procedure" | "steps" => Some(Part::Steps),
        "description" | "about" | "introduction" => Some(Part::Description),
        _ => None,
    })
}

fn is_name_of_part(word: &str) -> bool {
    named_part(&[word]).is_some()
}

/// A line above a list of ingredients that names what the list is for.
///
/// `Sauce` and `For step 2:` do; `(for 13 cookies)` and `5 servings` are remarks.
fn is_label(text: &str, is_bold: bool) -> bool {
    let text = text.trim();
    let is_short = !text.contains('\n') && text.chars().count() <= MAX_LABEL_CHARS;
    is_bold || is_short && (text.ends_with(':') || !text.contains(|c: char| c.is_ascii_digit()))
}

/// The address in a line `Originally published at …`.
fn published_at(text: &str) -> Option<String> {
    let (_, rest) = text.trim().split_once("riginally published at ")?;
    let address = rest.split_whitespace().next()?.trim_end_matches('.');
    let is_web = address.starts_with("https://") || address.starts_with("http://");
    is_web.then(|| address.to_owned())
}

fn one_line(text: &str) -> String {
    text.split_whitespace().collect::<Vec<_>>().join(" ")
}

fn has_word(text: &str) -> bool {
    text.contains(char::is_alphanumeric)
}

/// Longer lines above a list are sentences about it.
const MAX_LABEL_CHARS: usize = 40;

/// Words of headings whose lists are neither ingredients nor steps.
const NOTE_WORDS: [&str; 22] = [
    "contribution",
    "contributors",
    "credits",
    "dishes",
    "equipment",
    "extra",
    "hints",
    "note",
    "notes",
    "nutrition",
    "remarks",
    "served",
    "serving",
    "servings",
    "source",
    "sources",
    "storage",
    "story",
    "tip",
    "tips",
    "utensils",
    "variations",
];

/// Words of deeper headings that do not divide the directions but leave them.
const SUB_NOTE_WORDS: [&str; 4] = ["note", "notes", "tip", "tips"];
