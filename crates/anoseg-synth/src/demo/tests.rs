use super::*;

/// Those that are held still, and the others.
const PARTS: [Part; 3] = [Part::Fabric, Part::Token, Part::LooseToken];

/// Every defect of every part.
fn defects() -> impl Iterator<Item = (Part, &'static str)> {
    PARTS.into_iter().flat_map(|part| part.defects().iter().map(move |&defect| (part, defect)))
}

#[test]
fn images_depend_on_their_arguments_only() {
    for part in PARTS {
        let image = good(part, 3, 5, 64, 48);
        assert_eq!(image, good(part, 3, 5, 64, 48));
        assert_ne!(image, good(part, 3, 6, 64, 48), "{part:?}: another index is another image");
        assert_ne!(image, good(part, 4, 5, 64, 48), "{part:?}: another seed is another image");
    }
    for (part, defect) in defects() {
        let image = || defective(part, defect, 3, 5, 64, 48).expect("a defect of the part");
        assert_eq!(image(), image(), "{part:?} {defect}");
    }
}

#[test]
fn images_have_the_size_asked_for_and_valid_values() {
    for (width, height) in [(16, 16), (16, 40), (97, 33), (130, 200)] {
        for part in PARTS {
            let image = good(part, 1, 0, width, height);
            assert_eq!((image.width(), image.height()), (width, height));
            assert!(image.as_slice().iter().all(|v| (0.0..=1.0).contains(v)), "{part:?} {width} x {height}");
        }
        for (part, defect) in defects() {
            let found = defective(part, defect, 1, 0, width, height).expect("a defect of the part");
            assert_eq!((found.image.width(), found.image.height()), (width, height));
            assert_eq!((found.mask.width(), found.mask.height()), (width, height));
            assert!(found.image.as_slice().iter().all(|v| (0.0..=1.0).contains(v)), "{part:?} {defect}");
        }
    }
}

#[test]
fn even_images_of_no_use_do_not_panic() {
    for (width, height) in [(0, 0), (0, 9), (1, 1), (3, 2), (300, 1)] {
        for part in PARTS {
            assert_eq!(good(part, 1, 0, width, height).as_slice().len(), 3 * width * height);
        }
        for (part, defect) in defects() {
            let found = defective(part, defect, 1, 0, width, height).expect("a defect of the part");
            assert_eq!(found.mask.as_slice().len(), width * height);
        }
    }
}

#[test]
fn every_defect_shows_and_leaves_most_of_the_image_alone() {
    let (width, height) = (128, 112);
    for (part, defect) in defects() {
        let mut sizes = Vec::new();
        for index in 0..6 {
            let found = defective(part, defect, 11, index, width, height).expect("a defect of the part");
            let count = found.mask.count();
            assert!(count > 0, "{part:?} {defect} {index}: nothing to see");
            assert!(2 * count <= width * height, "{part:?} {defect} {index}: marks {count} pixels");
            sizes.push(count);
        }
        sizes.dedup();
        assert!(sizes.len() > 1, "{part:?} {defect}: always the same size");
    }
}

/// The mean over 3 x 3 pixels of the largest change of a channel, by sums of a padded image: an
/// oracle for the threshold that the masks promise.
fn mean_change(a: &Image, b: &Image) -> Vec<f32> {
    let (width, height) = (a.width() as i64, a.height() as i64);
    let at = |x: i64, y: i64| {
        let inside = (0..width).contains(&x) && (0..height).contains(&y);
        inside.then(|| {
            let (a, b) = (a.get(x as usize, y as usize), b.get(x as usize, y as usize));
            (0..3).map(|c| (a[c] - b[c]).abs()).fold(0.0, f32::max)
        })
    };
    let mean = |x: i64, y: i64| {
        let around: Vec<f32> =
            (-1..=1).flat_map(|dy| (-1..=1).filter_map(move |dx| at(x + dx, y + dy))).collect();
        around.iter().sum::<f32>() / around.len() as f32
    };
    (0..height).flat_map(|y| (0..width).map(move |x| (x, y))).map(|(x, y)| mean(x, y)).collect()
}

#[test]
fn outside_the_mask_the_image_is_as_without_the_defect() {
    let (width, height) = (144, 144);
    for (part, defect) in defects() {
        for index in 0..2 {
            let [without, with] =
                pair(part, defect, 5, index, 0, (width, height)).expect("a defect of the part");
            let mask = ground_truth::visible_change(&without, &with);
            let change = mean_change(&without, &with);
            let outside = || (0..width * height).filter(|&i| !mask.as_slice()[i]);
            // Only specks too small to mark may have changed.
            let specks = outside().filter(|&i| change[i] > 6.5 / 255.0).count();
            assert!(
                specks * 500 < width * height,
                "{part:?} {defect} {index}: {specks} changed pixels unmarked"
            );
            let (count, sum) = outside().fold((0, 0.0), |(n, sum), i| (n + 1, sum + change[i]));
            assert!(sum / (count as f32) < 0.5 / 255.0, "{part:?} {defect} {index}: the rest changed too");
        }
    }
}

#[test]
fn inside_the_mask_the_image_has_changed() {
    for (part, defect) in defects() {
        let [without, with] = pair(part, defect, 5, 3, 0, (144, 144)).expect("a defect of the part");
        let mask = ground_truth::visible_change(&without, &with);
        let change = mean_change(&without, &with);
        let marked: Vec<usize> = (0..mask.as_slice().len()).filter(|&i| mask.as_slice()[i]).collect();
        let changed = marked.iter().filter(|&&i| change[i] > 5.5 / 255.0).count();
        // Closing fills gaps, so that a few marked pixels may be unchanged.
        assert!(10 * changed >= 6 * marked.len(), "{part:?} {defect}: {changed} of {} changed", marked.len());
    }
}

#[test]
fn good_images_vary_but_not_much() {
    for part in PARTS {
        let brightness: Vec<f32> = (0..8)
            .map(|index| {
                let image = good(part, 2, index, 64, 64);
                image.as_slice().iter().sum::<f32>() / image.as_slice().len() as f32
            })
            .collect();
        let low = brightness.iter().copied().fold(f32::MAX, f32::min);
        let high = brightness.iter().copied().fold(f32::MIN, f32::max);
        assert!(high - low > 0.002 && high - low < 0.1, "{part:?}: mean brightness from {low} to {high}");
        assert!(low > 0.2 && high < 0.8, "{part:?}: exposed from {low} to {high}");
    }
}

#[test]
fn an_unknown_defect_is_none() {
    assert!(defective(Part::Fabric, "chip", 1, 1, 32, 32).is_none());
    assert!(defective(Part::Token, "hole", 1, 1, 32, 32).is_none());
    assert!(defective(Part::Token, "", 1, 1, 32, 32).is_none());
}

#[test]
fn names_are_fit_for_folders_and_unique() {
    for part in PARTS {
        let names: std::collections::BTreeSet<_> = part.defects().iter().collect();
        assert!(names.len() >= 4 && names.len() == part.defects().len());
        let plain = |name: &str| name.chars().all(|c| c.is_ascii_lowercase() || c == '_') && name != "good";
        assert!(names.iter().all(|name| plain(name)) && plain(part.name()));
    }
}

/// The loose token is somewhere else, and turned, in each image; the held one is not.
#[test]
fn loose_parts_lie_anywhere() {
    let token = |part: Part, index| {
        part.token(&mut Dice::new(key(part, 0, 0, index, Purpose::Scene)), V2::new(0.5, 0.5))
    };
    let spread = |part: Part| {
        let tokens: Vec<_> = (0..40).map(|index| token(part, index)).collect();
        let right = tokens.iter().map(|token| token.image_coordinates(V2::new(1.0, 0.0)).x);
        (right.clone().fold(f32::MIN, f32::max) - right.fold(f32::MAX, f32::min), tokens)
    };
    assert!(spread(Part::Token).0 < 0.1);
    let (wide, tokens) = spread(Part::LooseToken);
    assert!(wide > 0.6, "{wide}");
    let inside = |corner: V2| corner.x.abs() < 0.5 && corner.y.abs() < 0.5;
    for token in tokens {
        let rim = (0..32).map(|i| token.image_coordinates(V2::unit(i as f32 * 0.2)));
        assert!(rim.into_iter().all(inside), "{token:?}");
    }
}
