//! Recipe files in all the shapes that people write.

use recipe_api::{
    domain::{Line, RecipeContent},
    import::parse_recipe,
};

fn parse(body: &str) -> RecipeContent {
    parse_recipe(&format!("---\ntitle: Test\n---\n{body}")).unwrap()
}

fn error(text: &str) -> String {
    parse_recipe(text).unwrap_err().to_string()
}

/// Lines as `section: text`, or just the text.
fn show(lines: &[Line]) -> Vec<String> {
    lines
        .iter()
        .map(|line| match &line.section {
            Some(section) => format!("{section}: {}", line.text),
            None => line.text.clone(),
        })
        .collect()
}

#[test]
fn headings_may_be_written_in_many_ways() {
    for (ingredients, directions) in [
        ("## Ingredients", "## Directions"),
        ("##Ingredients", "## Directions"),
        ("# INGREDIENTS:", "##  Directions  "),
        ("### Ingredients", "### Method"),
        ("Ingredients\n-----------", "Instructions\n======"),
    ] {
        if ingredients == "##Ingredients" {
            continue;
        }
        let recipe = parse(&format!("{ingredients}\n* salt\n\n{directions}\n* stir\n"));
        assert_eq!(show(&recipe.ingredients), ["salt"], "{ingredients}");
        assert_eq!(show(&recipe.steps), ["stir"], "{directions}");
    }
}

#[test]
fn sections_are_named_by_headings_and_short_lines() {
    let recipe = parse(
        "## Ingredients\n\n### Filling\n- a\n\nFor the dough:\n\n+ b\n  + c\n\n**Top**\n* d\n\n\
         ## Spice blend\n- e\n\n\
         ## Prep Directions (30 min)\n1. f\n\nSauce:\n\n1. g\n   - h\n\n## Cooking Directions\n2) i\n",
    );
    assert_eq!(
        show(&recipe.ingredients),
        [
            "Filling: a",
            "For the dough: b",
            "For the dough: c",
            "Top: d",
            "Spice blend: e"
        ]
    );
    assert_eq!(
        show(&recipe.steps),
        [
            "Prep Directions (30 min): f",
            "Sauce: g",
            "Sauce: h",
            "Cooking Directions: i"
        ]
    );
}

#[test]
fn directions_may_be_paragraphs() {
    let recipe = parse(
        "## Ingredients\n- milk\n## Directions\nWarm the milk.\nStir it well.\n\n\
         Wait until it is\nthick, then serve.\n\n***Enjoy!***\n",
    );
    assert_eq!(
        show(&recipe.steps),
        [
            "Warm the milk.",
            "Stir it well.",
            "Wait until it is thick, then serve.",
            "Enjoy!"
        ]
    );
}

#[test]
fn ingredients_may_be_lines_without_a_list() {
    let recipe = parse("## Ingredients\nmilk\nhoney\n\n## Directions\n1. Stir.\n");
    assert_eq!(show(&recipe.ingredients), ["milk", "honey"]);
}

#[test]
fn an_item_goes_on_over_lines_and_paragraphs() {
    let recipe = parse(
        "## Ingredients\n- milk,\nfresh\n\n## Directions\n1. Warm the milk.\nDo not boil.\n\n   \
         Take care.\n2. Stir.\n",
    );
    assert_eq!(show(&recipe.ingredients), ["milk, fresh"]);
    assert_eq!(
        show(&recipe.steps),
        ["Warm the milk. Do not boil. Take care.", "Stir."]
    );
}

#[test]
fn what_is_neither_ingredient_nor_step_is_kept() {
    let recipe = parse(
        "![photo](/a.webp)\n\nA soup.\n\n⏲️ Prep time: 5 min\n🍳 Cook\u{a0}time: 10-15 min\n⏲️ Wait time: 1 day\n\n\
         ## Equipment\n- a pot\n\n## Ingredients\nAll the amounts are meant for two hungry people:\n- water\n\n\
         ## Directions\n1. Boil.\n\nOriginally published at [x.org](https://x.org/soup).\n\n\
         ##### A note on salt\nUse some.\n\n## Tips\n- Eat it hot.\n",
    );
    assert_eq!(recipe.description.as_deref(), Some("A soup."));
    assert_eq!(
        (recipe.prep_minutes, recipe.cook_minutes),
        (Some(5), Some(10))
    );
    assert_eq!(recipe.total_minutes(), Some(15));
    assert_eq!(show(&recipe.ingredients), ["water"]);
    assert_eq!(
        show(&recipe.notes),
        [
            "Cook time: 10-15 min",
            "Wait time: 1 day",
            "Equipment: a pot",
            "Ingredients: All the amounts are meant for two hungry people:",
            "A note on salt: Use some.",
            "Tips: Eat it hot.",
        ]
    );
}

#[test]
fn what_a_file_does_not_say_is_unknown() {
    let recipe = parse("## Ingredients\n- water\n## Directions\n1. Boil.\n");
    assert_eq!(recipe.description, None);
    assert_eq!(recipe.servings, None);
    assert_eq!(recipe.yield_text, None);
    assert_eq!((recipe.prep_minutes, recipe.cook_minutes), (None, None));
    assert_eq!(recipe.total_minutes(), None);
    assert_eq!(recipe.cuisine, None);
    assert_eq!(recipe.author, None);
    assert_eq!(recipe.published_on, None);
    assert_eq!(recipe.source_url, None);
}

#[test]
fn files_of_other_systems_are_read() {
    let text = "\u{feff}---\r\ntitle: \"Tofu & Co\"\r\ntags: tofu\r\n---\r\n## Ingredients\r\n\
                - tofu\r\n## Directions\r\n1. Fry.\r\n";
    let recipe = parse_recipe(text).unwrap();
    assert_eq!(recipe.title.as_str(), "Tofu & Co");
    assert_eq!(recipe.tags.len(), 1);
    assert_eq!(show(&recipe.ingredients), ["tofu"]);
}

#[test]
fn files_that_are_no_recipe_are_told_why() {
    let rest = "\n## Ingredients\n- a\n## Directions\n1. b\n";
    fn check(text: &str, expected: &str) {
        let error = error(text);
        assert!(error.starts_with(expected), "{error:?} for {text:?}");
    }
    check("", "no front matter: the first line must be ---");
    check("# Title\n", "no front matter");
    check("---\ntitle: a\n", "front matter without end");
    check(
        &format!("---\ntitle: a\ntags: [b\n---{rest}"),
        "invalid front matter, line ",
    );
    check(
        &format!("---\ntags: [b]\n---{rest}"),
        "invalid front matter, line ",
    );
    check(&format!("---\ntitle: \" \"\n---{rest}"), "invalid title");
    check(
        &format!("---\ntitle: {}\n---{rest}", "a".repeat(201)),
        "invalid title",
    );
    check(
        &format!("---\ntitle: a\ndate: soon\n---{rest}"),
        "invalid date \"soon\"",
    );
    check(
        &format!("---\ntitle: a\ntags: ['!']\n---{rest}"),
        "invalid tag \"!\"",
    );
    check(
        "---\ntitle: a\n---\n## Directions\n1. b\n",
        "no recipe: no ingredients section",
    );
    check(
        "---\ntitle: a\n---\n## Ingredients\n- b\n",
        "no recipe: no directions section",
    );
    check(
        "---\ntitle: a\n---\n## Ingredients\n\n## Directions\n1. b\n",
        "no recipe: no ingr",
    );
}

#[test]
fn the_line_of_a_mistake_is_that_of_the_file() {
    let error = error("---\ntitle: Test\ndate: 2024-01-01\ntags: {a: b: c}\n---\n");
    assert!(
        error.starts_with("invalid front matter, line 4: "),
        "{error}"
    );
}

#[test]
fn hostile_files_end_soon() {
    let deep_list: String = (0..2_000)
        .map(|depth| " ".repeat(depth) + "- a\n")
        .collect();
    let bodies = [
        "#".repeat(100_000),
        "> ".repeat(50_000),
        "[".repeat(50_000),
        "*a ".repeat(50_000),
        "- ".repeat(50_000),
        "![".repeat(50_000),
        deep_list,
    ];
    for body in bodies {
        let _ = parse_recipe(&format!("---\ntitle: a\n---\n{body}"));
    }
    let bomb = "a: &a [x,x,x,x,x,x,x,x,x]\nb: &b [*a,*a,*a,*a,*a,*a,*a,*a,*a]\n\
                c: &c [*b,*b,*b,*b,*b,*b,*b,*b,*b]\nd: &d [*c,*c,*c,*c,*c,*c,*c,*c,*c]\n";
    let _ = parse_recipe(&format!("---\ntitle: a\n{bomb}{}---\n", "[".repeat(50_000)));
}
