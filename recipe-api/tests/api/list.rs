//! `GET /api/v1/recipes`: pages, filters, order.

use std::collections::HashSet;

use crate::support::{TestApp, recipe};

#[tokio::test]
async fn a_fresh_service_lists_the_demo_recipes_by_title() {
    let app = TestApp::with_demo().await;
    let answer = app.get("/api/v1/recipes").await;
    assert_eq!(answer.header("content-type"), Some("application/json"));
    assert_eq!(answer.header("link"), None);
    let list = answer.json();
    assert_eq!(
        list["pagination"],
        serde_json::json!({"page": 1, "limit": 20, "total": 14, "totalPages": 1})
    );
    let titles = answer.titles();
    assert_eq!(titles.first().unwrap(), "Buttermilk Pancakes");
    assert_eq!(titles.len(), 14);
    for recipe in list["data"].as_array().unwrap() {
        assert!(!recipe["ingredients"].as_array().unwrap().is_empty());
        assert!(!recipe["steps"].as_array().unwrap().is_empty());
        assert!(!recipe["tags"].as_array().unwrap().is_empty());
    }
    app.stop().await;
}

#[tokio::test]
async fn following_the_links_gives_every_recipe_once() {
    let recipes: Vec<_> = (0..53)
        // Equal titles, so that the order depends on its last key.
        .map(|n| (format!("key {n}"), recipe("Same", "salt", "quick").1))
        .collect();
    let app = TestApp::with_recipes(&recipes).await;
    let mut target = "/api/v1/recipes?limit=10&tag=Quick&page=1".to_owned();
    let mut ids = HashSet::new();
    let mut pages = 0;
    loop {
        let answer = app.get(&target).await;
        let list = answer.json();
        for recipe in list["data"].as_array().unwrap() {
            assert!(ids.insert(recipe["id"].as_str().unwrap().to_owned()));
        }
        pages += 1;
        let Some(link) = answer.header("link") else {
            break;
        };
        target = link
            .strip_prefix('<')
            .and_then(|link| link.strip_suffix(">; rel=\"next\""))
            .unwrap()
            .to_owned();
    }
    assert_eq!((pages, ids.len()), (6, 53));
    assert!(
        app.get("/api/v1/recipes?page=7&limit=10")
            .await
            .titles()
            .is_empty()
    );
}

#[tokio::test]
async fn titles_sort_without_case_and_accents() {
    let titles = ["Zopf", "éclair", "Apple pie", "Älplermagronen", "bread"];
    let recipes: Vec<_> = titles.map(|title| recipe(title, "salt", "")).into();
    let app = TestApp::with_recipes(&recipes).await;
    assert_eq!(
        app.get("/api/v1/recipes").await.titles(),
        ["Älplermagronen", "Apple pie", "bread", "éclair", "Zopf"]
    );
}

#[tokio::test]
async fn filters_narrow_the_list_and_the_search() {
    let app = TestApp::with_recipes(&[
        recipe("Minestrone", "beans", "italian, soup"),
        recipe("Pasta e fagioli", "beans", "italian, Slow Cooked"),
        recipe("Chili", "beans", "mexican, slow-cooked"),
    ])
    .await;
    let titles = async |query: &str| app.get(&format!("/api/v1/recipes?{query}")).await.titles();
    assert_eq!(titles("cuisine=Italian").await.len(), 2);
    assert_eq!(
        titles("tag=slow+cooked").await,
        ["Chili", "Pasta e fagioli"]
    );
    assert_eq!(titles("tag=SLOW-COOKED&cuisine=mexican").await, ["Chili"]);
    assert_eq!(titles("q=beans&cuisine=mexican").await, ["Chili"]);
    assert_eq!(titles("q=beans&tag=soup").await, ["Minestrone"]);
    assert_eq!(titles("tag=nothing").await.len(), 0);
    assert_eq!(titles("tag=&cuisine=&q=").await.len(), 3);
}

#[tokio::test]
async fn queries_that_make_no_sense_are_told_what_would() {
    let app = TestApp::with_demo().await;
    let check = async |query: &str, name: &str, expected: &str| {
        let answer = app.get(&format!("/api/v1/recipes?{query}")).await;
        let details = answer.problem(400, "VALIDATION_ERROR");
        assert_eq!(details[name], expected, "{query}");
    };
    check("page=0", "page", "must be a number from 1 to 10000").await;
    check("page=", "page", "must be a number from 1 to 10000").await;
    check("page=-1", "page", "must be a number from 1 to 10000").await;
    check("page=%2B1", "page", "must be a number from 1 to 10000").await;
    check("page=1e3", "page", "must be a number from 1 to 10000").await;
    check(
        "page=4294967297",
        "page",
        "must be a number from 1 to 10000",
    )
    .await;
    check("limit=101", "limit", "must be a number from 1 to 100").await;
    check("limit=0", "limit", "must be a number from 1 to 100").await;
    check(
        "page=101&limit=100",
        "page",
        "page times limit must be at most 10000; narrow the search",
    )
    .await;
    check("page=1&page=2", "page", "must be given only once").await;
    check(
        "colour=red",
        "colour",
        "unknown parameter; known are cuisine, limit, page, q, tag",
    )
    .await;
    check("q=%ff", "q", "must be valid percent-encoded UTF-8").await;
    check("q=100%", "q", "must be valid percent-encoded UTF-8").await;
    check(
        "%zz=1",
        "%zz",
        "the name is not valid percent-encoded UTF-8",
    )
    .await;
    check("tag=%2A", "tag", "must have letters or digits, at most 50").await;

    let answer = app.get("/api/v1/recipes?page=x&limit=y&z=1").await;
    let details = answer.problem(400, "VALIDATION_ERROR");
    assert_eq!(details.as_object().unwrap().len(), 3, "all at once");
    assert_eq!(
        app.get("/api/v1/recipes?page=100&limit=100").await.status,
        200
    );
}
