//! The commonest small words, triples of letters and accents of languages in Latin letters. `_` is a word's edge.

/// What a language is known by.
pub(super) struct Known {
    /// Its ISO 639-1 code.
    pub code: &'static str,
    /// Its small words.
    pub words: &'static str,
    /// Its triples of letters.
    pub triples: &'static str,
    /// Letters beyond the 26, if it has any.
    pub letters: &'static str,
}

const fn known(code: &'static str, words: &'static str, triples: &'static str, letters: &'static str) -> Known {
    Known { code, words, triples, letters }
}

/// All languages in Latin letters, by code.
pub(super) const KNOWN: [Known; 17] = [
    known(
        "cs",
        "a se na je že v s z do to o i pro ale jsem jako jeho si by po už jsou byl byla bylo tak když který která podle \
         nebo při jen ve co není za ze pak být mezi této",
        "_př _po pro ého ých ní_ ost _ne ova ání _je _se ch_ ého ým_ kte ter stě ně_ ře_ ží_ ší_ ůj_ ém_",
        "ěřůčšžýáíéďťň",
    ),
    known(
        "da",
        "og i at det er en til af på der den for med ikke de som et har jeg var fra han om men vi ved også kan efter så \
         sig hun blev være nu op eller havde hvad meget mig ud over da kun os mod uden hvor mellem gøre gik endnu",
        "er_ _de _af en_ for ede nde _og ige ing det _at lig ikk kke ene øre rne hed _ha age nge ebe _ud ade uge eje bet \
         gde ld_ af_ øje ind rug ejl æng øgl læs vær ude æve ært dst igt ive",
        "æøå",
    ),
    known(
        "de",
        "der die und in den von zu das mit sich des auf für ist im dem nicht ein eine als auch es an er hat aus bei sind \
         wir ich sie war nach noch nur oder wie über aber wird einen einer so zum zur vor kein haben mehr",
        "en_ er_ _de der ie_ ich sch ein die che den _un und cht ung gen _ge ver ist ach iß_ _zu _au nen eit ßen",
        "äöüß",
    ),
    known(
        "en",
        "the of and to in a is that for it was on as with be by at this are from have or had not but which his they \
         you an were her she there been their has would what will if can all he we i my your me so out up about some when who more no do than then them only very just how any \
         our into could other these does don s t like much get too off",
        "_th the he_ nd_ ed_ _of of_ _to ing ng_ _an ion _wh hat ly_ ght _be ere ver _ha you oul ith ess our out ome tio ear rom igh ay_ all ver tho ick ove ies ous",
        "",
    ),
    known(
        "es",
        "de la que el en y a los se del las un por con no una su para es al lo como más pero sus le ya este sí porque \
         esta entre cuando muy sin sobre también me hasta hay donde quien desde todo nos fue ha está",
        "_de de_ os_ la_ _la el_ es_ que ue_ _qu ión ón_ ado as_ ent _el cio aci par nte _co ar_ _en ien dad ndo ció ier \
         uen los las _y_ ía_ ene una _un ued ecc mbr cac",
        "ñáéíóú",
    ),
    known(
        "fi",
        "ja on ei se että oli hän mutta ovat kun niin kuin tai myös joka sen ole hänen jo vain mitä jos nyt minä sitä \
         mukaan olisi ollut vielä koko kanssa kaikki ne tämä sekä siitä hyvin sinä me he pois jälkeen",
        "en_ in_ an_ ta_ ssa sta lla tta ään ist _ja ise _ol isi nen tää sä_ lle _ka aan _ku iin uks yy_ ää_ ksi ei_ \
         on_ ett oit nut nee un_ ai_ kse tuk ois toi tel lai eet inn uu_",
        "äö",
    ),
    known(
        "fr",
        "de la le et les des en un du une que est dans qui pour a il au sur pas ne plus ce par je se avec sont mais \
         comme on ou nous vous elle son cette ses été être fait aux leur lui tout était y très",
        "es_ _de de_ ent le_ nt_ la_ _la on_ _le que _qu ait ion ue_ ne_ les des our re_ _pa ous eur est _l_ _d_ ell",
        "éèêàçùœâîô",
    ),
    known(
        "hu",
        "a az és hogy nem is egy ez volt de van csak már meg ha mint el még vagy én ki azt kell lehet minden fel majd \
         akkor sem nagyon lesz ezt le után itt ő neki pedig között nincs voltak mert mi",
        "_a_ _az sze _eg egy _me en_ ban ogy _ho nek nak gy_ tt_ _el ság ség ben ott és_ ála ból ött ük_ _ke ték",
        "őűáéöüíú",
    ),
    known(
        "id",
        "yang dan di ini itu dengan untuk dari dalam tidak akan pada ke adalah oleh saya juga ada bisa mereka karena \
         sebagai telah atau kami sudah kita dia seperti anda lebih belum orang tahun masih satu banyak",
        "an_ ang ng_ kan _me _di nya ya_ men _pe ah_ _ya yan dan _se _be per ber ter ala asi gan aka uk_ ai_ era",
        "",
    ),
    known(
        "it",
        "di che è e la il un a per in una non sono si da con del le della i come anche nel più alla dei ma lo al gli \
         delle ha dal questo se ho mi ti suo era quando c io questa ci cosa così dopo stato essere",
        "_di to_ la_ re_ no_ _ch che he_ di_ ne_ one zio ion ell lla ent _co per ato are gli _un ta_ tto sta ere zza",
        "òùìàè",
    ),
    known(
        "nl",
        "de van het een en in is dat op te zijn met voor niet die aan er om ook als maar door bij naar hij uit nog \
         wordt heeft dan over ik je ze we was worden werd kan meer tot hebben geen of wat deze zich",
        "en_ de_ _de an_ van _va een _ee het _he et_ ijk _ge aar ver ij_ oor ijn _zi sch eer _te cht ie_ aan lij oek",
        "",
    ),
    known(
        "no",
        "og i det er på som en til å for av at med de ikke har den jeg om et var fra men vi seg kan så hun han ble etter \
         også nå noen ved være eller hadde opp hva meg bare mye over oss fikk sin skal ut da uten hvor mellom gjøre gikk ennå",
        "er_ _de en_ et_ det _og _på for nde ene ing _av av_ ete ikk kke _ha lig _å_ ble sje øy_ ert het eie ake åte ike \
         eke øye opp ruk inn sjo uke eil økk nn_ lgt jør vær ut_ _ut",
        "æøå",
    ),
    known(
        "pl",
        "w i na z się nie do to że jest o jak a po ale od za co tak przez czy są już tylko jego był dla było była przy \
         może tym być oraz które który jej ich która mnie gdy pod tego więc lub bardzo",
        "_ni nie ie_ _po prz rze _pr _si się ię_ czy owa ów_ ych ch_ ych dzi _na szy ści ość ego ać_ wie _je ło_ ńsk",
        "łąęśćżźńó",
    ),
    known(
        "pt",
        "de que e o a do da em um para com não uma os no se na por mais as dos como mas foi ao ele das tem à seu sua ou \
         ser quando muito há nos já está eu também só pelo pela até isso ela entre era depois você porque havia tinha",
        "_de de_ os_ que _qu ção ão_ ado as_ _co ent do_ da_ _do _da nte par com _nã não est ara inh lho ém_ _em em_ \
         _ao eir ões ia_ _um um_ açã _o_ vel ou_ oss ess uma rão",
        "ãõçáêâóíúé",
    ),
    known(
        "ro",
        "și de în a la cu nu o pe că să un este din mai care pentru ce au fost sau după sunt al se lui ca era prin fi \
         le dar ei am când dintre o fără despre cel foarte între fie acest această si ar este",
        "_de re_ _în în_ și_ _și ea_ lui ul_ _ca are ate ent ulu rea le_ _pe ilo lor _nu ți_ ii_ ție tă_ ște ră_ _să",
        "șțăâîşţ",
    ),
    known(
        "sv",
        "och i att det som en på är av för med den till inte har de jag om ett han men var sig från vi så kan när år \
         under också efter eller nu sin där vid mot ska skulle kommer ut får finns vara hade alla detta mycket bara",
        "en_ _oc och ch_ att _at för ör_ _fö er_ ing _de nde ade är_ _är tt_ ar_ til ill som ska lig äll ått änd era int ion ra_ na_ yck ara rån öve ätt _än stä lla",
        "åäö",
    ),
    known(
        "tr",
        "bir ve bu da de için ile çok ne daha olarak gibi olan o var kadar sonra en değil ben ama her ki mi ya diye \
         oldu kendi şey bunu onun yok iki iyi bana olduğunu hem göre sen şimdi ancak",
        "lar ler _bi bir ir_ in_ ın_ _ka eri arı yor _ol _ve da_ de_ nda iği dır dir ını ığı ili mak mek _ya ası şı_",
        "ğışçöü",
    ),
];

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lists_are_of_small_letters_and_long_enough() {
        for Known { code, words, triples, letters } in KNOWN {
            assert!(words.split_whitespace().count() >= 25 && triples.split_whitespace().count() >= 20, "{code}");
            assert!(words.split_whitespace().all(|w| w.chars().all(char::is_alphabetic) && w == w.to_lowercase()));
            assert!(triples.split_whitespace().all(|t| t.chars().count() == 3), "{code}");
            assert!(letters.chars().all(|c| c.is_lowercase() && !c.is_ascii()), "{code}");
        }
        assert!(KNOWN.is_sorted_by_key(|k| k.code));
    }
}
