//! `GET /api/v1/recipes?q=`: what is found, in which order, and what hostile text does.

use crate::support::{TestApp, recipe};

async fn titles(app: &TestApp, q: &str) -> Vec<String> {
    let q = recipe_api::http::query::encode(q);
    app.get(&format!("/api/v1/recipes?q={q}")).await.titles()
}

#[tokio::test]
async fn words_are_found_in_every_part_of_a_recipe() {
    let app = TestApp::with_demo().await;
    assert_eq!(titles(&app, "risotto").await, ["Mushroom Risotto"]);
    assert_eq!(titles(&app, "wobbling").await, ["Crème caramel"]);
    assert_eq!(titles(&app, "harissa").await, ["Shakshuka"]);
    assert_eq!(titles(&app, "irish").await, ["Wholemeal Soda Bread"]);
    assert_eq!(titles(&app, "nothing like it").await.len(), 0);
}

#[tokio::test]
async fn case_and_accents_do_not_matter() {
    let app = TestApp::with_demo().await;
    for q in ["CREME CARAMEL", "crème caramel", "cre\u{300}me CARAMEL"] {
        assert_eq!(titles(&app, q).await, ["Crème caramel"], "{q}");
    }
    assert_eq!(titles(&app, "smorrebrod").await.len(), 1);
    assert_eq!(titles(&app, "phở gà").await.len(), 1);
    assert_eq!(titles(&app, "照り焼き").await.len(), 1);
}

#[tokio::test]
async fn all_words_must_match_and_the_last_may_be_a_beginning() {
    let app = TestApp::with_demo().await;
    assert_eq!(titles(&app, "mushroom ris").await, ["Mushroom Risotto"]);
    assert_eq!(titles(&app, "ris mushroom").await.len(), 0);
    assert_eq!(titles(&app, "risotto harissa").await.len(), 0);
}

#[tokio::test]
async fn a_word_in_the_title_weighs_most() {
    let app = TestApp::with_recipes(&[
        recipe("Apple crumble", "a lemon", ""),
        recipe("Lemon tart", "sugar", ""),
        recipe("Bean stew", "beans", "lemon"),
    ])
    .await;
    let found = titles(&app, "lemon").await;
    assert_eq!(found, ["Lemon tart", "Bean stew", "Apple crumble"]);
}

#[tokio::test]
async fn typed_text_is_never_query_syntax() {
    let app = TestApp::with_recipes(&[
        recipe("Near East lamb", "not much", "and, or"),
        recipe("Plain rice", "rice", ""),
    ])
    .await;
    for q in [
        "\"",
        "\"\"\"",
        "'",
        "*",
        "^",
        "(",
        ")",
        "NEAR(",
        "NEAR(a b, 5)",
        "title:",
        "title : rice",
        "- rice -",
        "{title}: rice",
        "rice AND",
        "AND",
        "OR OR",
        "NOT rice",
        "rice\" OR \"near",
        "\0",
        "\u{feff}",
        "🍚",
        "%",
        "_",
        ";--",
        "\\",
        "a\u{301}\u{301}\u{301}",
        "ः",
        "\u{202e}",
    ] {
        let encoded = recipe_api::http::query::encode(q);
        let answer = app.get(&format!("/api/v1/recipes?q={encoded}")).await;
        assert_eq!(answer.status, 200, "{q:?}: {}", answer.body);
    }
    assert_eq!(titles(&app, "near").await, ["Near East lamb"]);
    assert_eq!(titles(&app, "not or and").await, ["Near East lamb"]);
    assert_eq!(titles(&app, "NOT rice").await.len(), 0);
    assert_eq!(titles(&app, "*").await.len(), 0);
    assert_eq!(titles(&app, "rice*").await, ["Plain rice"]);
    assert_eq!(titles(&app, "title:rice").await.len(), 0);
}

#[tokio::test]
async fn long_text_is_refused() {
    let app = TestApp::with_demo().await;
    let answer = app
        .get(&format!("/api/v1/recipes?q={}", "a".repeat(200)))
        .await;
    assert_eq!(answer.status, 200);
    for q in ["a".repeat(201), "a+".repeat(5_000)] {
        let answer = app.get(&format!("/api/v1/recipes?q={q}")).await;
        let details = answer.problem(400, "VALIDATION_ERROR");
        assert_eq!(details["q"], "must have at most 200 characters");
    }
}
