//! The cuisine that tags name.

use crate::domain::Tag;

/// The cuisine of the first tag that names one; `None` if none does.
///
/// Wide regions such as `asian` name no cuisine.
#[must_use]
pub fn of_tags(tags: &[Tag]) -> Option<&'static str> {
    tags.iter().find_map(|tag| {
        CUISINES
            .iter()
            .find(|(slug, _)| *slug == tag.slug())
            .map(|(_, cuisine)| *cuisine)
    })
}

/// Tag to cuisine, sorted by tag.
const CUISINES: [(&str, &str); 57] = [
    ("american", "american"),
    ("argentinian", "argentinian"),
    ("australian", "australian"),
    ("austrian", "austrian"),
    ("belgian", "belgian"),
    ("brazilian", "brazilian"),
    ("british", "british"),
    ("cajun", "american"),
    ("canadian", "canadian"),
    ("chinese", "chinese"),
    ("cuban", "cuban"),
    ("danish", "danish"),
    ("dominican", "dominican"),
    ("dutch", "dutch"),
    ("egyptian", "egyptian"),
    ("english", "english"),
    ("ethiopian", "ethiopian"),
    ("filipino", "filipino"),
    ("finnish", "finnish"),
    ("french", "french"),
    ("georgian", "georgian"),
    ("german", "german"),
    ("greek", "greek"),
    ("hungarian", "hungarian"),
    ("indian", "indian"),
    ("indonesian", "indonesian"),
    ("irish", "irish"),
    ("israeli", "israeli"),
    ("italian", "italian"),
    ("japanese", "japanese"),
    ("korean", "korean"),
    ("lebanese", "lebanese"),
    ("lithuanian", "lithuanian"),
    ("malaysian", "malaysian"),
    ("mexican", "mexican"),
    ("moroccan", "moroccan"),
    ("norwegian", "norwegian"),
    ("palestinian", "palestinian"),
    ("persian", "persian"),
    ("peruvian", "peruvian"),
    ("polish", "polish"),
    ("portuguese", "portuguese"),
    ("romanian", "romanian"),
    ("russian", "russian"),
    ("scottish", "scottish"),
    ("sicilian", "italian"),
    ("spanish", "spanish"),
    ("swedish", "swedish"),
    ("swiss", "swiss"),
    ("thai", "thai"),
    ("tunisian", "tunisian"),
    ("turkish", "turkish"),
    ("ukrainian", "ukrainian"),
    ("uzbek", "uzbek"),
    ("venezuelan", "venezuelan"),
    ("vietnamese", "vietnamese"),
    ("yucatecan", "mexican"),
];
