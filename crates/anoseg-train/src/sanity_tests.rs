use super::*;

/// An image like others of a set: a gradient with a slightly different offset.
fn part(number: usize) -> Image {
    let offset = 0.01 * (number % 7) as f32;
    Image::from_fn(24, 24, |x, y| {
        let mark = if (x + y) % 20 == number { 0.1 } else { 0.0 };
        [0.3 + offset + x as f32 * 0.01, 0.4 + y as f32 * 0.01 + mark, 0.2 + number as f32 * 1e-4]
    })
}

fn seen(images: Vec<Image>) -> Vec<Seen> {
    let see = |(i, image): (usize, Image)| {
        let digest = digest(&image);
        Seen::new(format!("{i:02}.png").into(), TrainingImages::of(&image), digest, &image)
    };
    images.into_iter().enumerate().map(see).collect()
}

fn told(images: Vec<Image>) -> Vec<String> {
    remarks(&seen(images), Some(ShapeEffect::Stretched)).iter().map(ToString::to_string).collect()
}

fn darker(image: &Image, factor: f32) -> Image {
    let mut image = image.clone();
    image.as_mut_slice().iter_mut().for_each(|value| *value *= factor);
    image
}

fn set(change: impl Fn(usize, Image) -> Image) -> Vec<Image> {
    (0..20).map(|i| change(i, part(i))).collect()
}

#[test]
fn an_ordinary_set_gives_no_remark() {
    assert!(told(set(|_, image| image)).is_empty());
    assert!(told((0..2).map(part).collect()).is_empty());
}

#[test]
fn copies_are_named() {
    let images = set(|i, image| if i % 5 == 4 { part(0) } else { image });
    let found = told(images.clone());
    assert_eq!(found.len(), 1);
    assert!(found[0].starts_with("4 of 20 images are copies of another: 04.png, 09.png, 14.png and 1 more"));
    assert!(found[0].contains("the same as 00.png"));
    assert_eq!(distinct(&seen(images)), 16);
}

/// Images that were stored anew as JPEG once passed as different ones.
#[test]
fn images_stored_anew_are_named() {
    let with_noise = |image: &Image| {
        let noise = |x: usize, y: usize| ((x * 7 + y * 13) % 5) as f32 * 0.002 - 0.004;
        Image::from_fn(24, 24, |x, y| image.get(x, y).map(|value| value + noise(x, y)))
    };
    let found = told(set(|i, image| if i >= 18 { with_noise(&part(i - 18)) } else { image }));
    assert_eq!(found.len(), 1, "{found:?}");
    assert!(found[0].starts_with("2 of 20 images are nearly the same as another"), "{found:?}");
    assert!(found[0].contains("18.png, 19.png (as 00.png)"), "{found:?}");
}

#[test]
fn images_of_a_plain_surface_are_no_copies() {
    let plain = |number: usize| {
        let noise = move |x: usize, y: usize| ((x * 31 + y * 17 + number * 7 * (x + 1)) % 97) as f32 * 1e-4;
        Image::from_fn(24, 24, |x, y| [0.5 + noise(x, y); 3])
    };
    let found = told((0..20).map(plain).collect());
    assert_eq!(found.len(), 1, "{found:?}");
    assert!(found[0].starts_with("all images lie between 50.0 % and 5"), "{found:?}");
}

#[test]
fn images_of_one_value_and_nearly_black_ones_are_named() {
    let found = told(set(|i, image| match i {
        3 => Image::filled(24, 24, [0.0; 3]),
        4 => Image::filled(24, 24, [1.0; 3]),
        5 => darker(&image, 0.05),
        _ => image,
    }));
    assert_eq!(found.len(), 2, "{found:?}");
    assert!(found[0].contains("single value") && found[0].ends_with("03.png, 04.png"));
    assert_eq!(found[1], "1 of 20 images is nearly black: 05.png");
}

#[test]
fn two_populations_are_told_apart() {
    for factor in [0.7, 0.5, 0.25] {
        let found = told(set(|i, image| if i % 2 == 1 { darker(&image, factor) } else { image }));
        assert_eq!(found.len(), 1, "{factor}: {found:?}");
        assert!(found[0].starts_with("10 of 20 images are much darker"), "{found:?}");
        assert!(found[0].contains("01.png, 03.png, 05.png and 7 more"), "{found:?}");
    }
}

#[test]
fn single_strangers_of_different_kinds_are_named() {
    let found = told(set(|i, image| match i {
        6 => darker(&image, 0.3),
        7 => darker(&image, 1.9),
        8 => Image::from_fn(24, 24, |x, y| image.get(x, y)).with_red_and_blue_swapped(),
        _ => image,
    }));
    assert_eq!(found.len(), 1, "{found:?}");
    assert!(found[0].contains("06.png, 07.png, 08.png;"), "{found:?}");
}

trait Swapped {
    fn with_red_and_blue_swapped(self) -> Self;
}

impl Swapped for Image {
    fn with_red_and_blue_swapped(self) -> Self {
        Image::from_fn(self.width(), self.height(), |x, y| {
            let [r, g, b] = self.get(x, y);
            [b, g, r]
        })
    }
}

/// Of a set of many shapes, most images were once said to have "another shape than the others".
#[test]
fn a_set_of_many_shapes_names_no_image() {
    let images = (0..20).map(|i| {
        let part = part(i);
        anoseg_image::resample::resize(&part, 32 + 5 * i, 64, anoseg_image::Filter::Bilinear)
    });
    let seen = seen(images.collect());
    let remarks = remarks(&seen, Some(ShapeEffect::Stretched));
    assert!(remarks.iter().any(|remark| remark.is_note()), "{remarks:?}");
    assert!(!remarks.iter().any(|remark| matches!(remark, Remark::OtherShape { .. })), "{remarks:?}");
}

/// Images that keep their shape were once said to be resampled to a square.
#[test]
fn what_becomes_of_other_shapes_is_told() {
    let one =
        |i: usize, image: Image| if i == 1 { Image::from_fn(24, 12, |x, y| image.get(x, y)) } else { image };
    let told = |effect| remarks(&seen(set(one)), effect).iter().map(ToString::to_string).collect::<Vec<_>>();
    assert!(told(Some(ShapeEffect::Padded))[0].contains("and has a margin at the network: 01.png"));
    assert!(
        told(Some(ShapeEffect::Misjudged))[0]
            .contains("which aligning needs: its part may be missed: 01.png")
    );
    assert!(told(None).is_empty(), "on tiles shapes do not matter");
}

#[test]
fn other_shapes_sizes_colours_and_types_are_named() {
    let grey = |image: &Image| Image::from_fn(24, 24, |x, y| [image.get(x, y)[1]; 3]);
    let found = told(set(|i, image| match i {
        1 => Image::from_fn(24, 12, |x, y| image.get(x, y)),
        2 => Image::from_fn(72, 72, |x, y| image.get(x / 3, y / 3)),
        3 => image.with_sample_type(SampleType::U16),
        _ => image,
    }));
    assert_eq!(
        found,
        [
            "1 of 20 images has another shape than the others, and is stretched differently: 01.png",
            "1 of 20 images is far smaller or larger than the others: 02.png",
            "the images have different types of values (19 of 8 bits, 1 of 16 bits), each read on a scale of its \
         own",
        ]
    );
    let found = told(set(|i, image| if i < 4 { grey(&image) } else { image }));
    let expected = "4 of 20 images are grey, the others in colour: 00.png, 01.png, 02.png and 1 more";
    assert!(found.contains(&expected.to_owned()), "{found:?}");
}
