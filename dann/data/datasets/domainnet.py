"""DomainNet."""

from pathlib import Path
from typing import Literal

from dann.data.datasets.folder_dataset import Size
from dann.data.domain import Domain, Split
from dann.data.readers.image_files import Fit, OnBad
from dann.data.readers.image_lists import ListedImage, keep_existing, read_list
from dann.data.storage.archives import unpack
from dann.data.storage.download import Remote, download
from dann.data.storage.folders import data_folder, find_dataset_folder
from dann.data.storage.image_splits import load_image_split
from dann.errors import BadInput

SOURCE = "http://csr.bu.edu/ftp/visda/2019/multi-source/"
# The authors publish no checksums: these are of datasets-mila/datasets--domainnet, and the same in other libraries.
ARCHIVES = {
    "clipart": Remote(f"{SOURCE}groundtruth/clipart.zip", "md5:cd0d8f2d77a4e181449b78ed62bccf1e"),
    "infograph": Remote(f"{SOURCE}infograph.zip", "md5:720380b86f9e6ab4805bb38b6bd135f8"),
    "painting": Remote(f"{SOURCE}groundtruth/painting.zip", "md5:1ae32cdb4f98fe7ab5eb0a351768abfd"),
    "quickdraw": Remote(f"{SOURCE}quickdraw.zip", "md5:bdc1b6f09f277da1a263389efe0c7a66"),
    "real": Remote(f"{SOURCE}real.zip", "md5:dcc47055e8935767784b7162e7c7cca6"),
    "sketch": Remote(f"{SOURCE}sketch.zip", "md5:658d8009644040ff7ce30bb2e820850f"),
}
LISTS = {
    "clipart_train": "b4349693a7f9c05c53955725c47ed6cb",
    "clipart_test": "f5ddbcfd657a3acf9d0f7da10db22565",
    "infograph_train": "379b50054f4ac2018dca4f89421b92d9",
    "infograph_test": "779626b50869edffe8ea6941c3755c71",
    "painting_train": "7db0e7ca73ad9982f6e1f7f3ef372c0a",
    "painting_test": "232b35dc53f26d414686ae579e38d9b5",
    "quickdraw_train": "b732ced3939ac8efdd8c0a889dca56cc",
    "quickdraw_test": "c1a828fdfe216fb109f1c0083a252c6f",
    "real_train": "8ebf02c2075fadd564705f0dc7cd6291",
    "real_test": "6098816791c3ebed543c71ffa11b9054",
    "sketch_train": "1233bd18aa9a8a200bf4cecf1c34ef3e",
    "sketch_test": "d8a222e4672cfd585298aa14d02ea441",
}
OFFICIAL = {
    "clipart": (33_525, 14_604),
    "infograph": (36_023, 15_582),
    "painting": (50_416, 21_850),
    "quickdraw": (120_750, 51_750),
    "real": (120_906, 52_041),
    "sketch": (48_212, 20_916),
}
FOLDERS = ("domainnet", "domain_net", "DomainNet")
PLACES = ("", "txt", "domainnet/txt", "splits", "image_list")  # of the lists: as published, and as libraries put them
# All 345 by label: painting_train.txt alone would not name t-shirt, of which it has no image.
NAMES = """aircraft_carrier airplane alarm_clock ambulance angel animal_migration ant anvil apple arm asparagus axe
    backpack banana bandage barn baseball baseball_bat basket basketball bat bathtub beach bear beard bed bee belt bench
    bicycle binoculars bird birthday_cake blackberry blueberry book boomerang bottlecap bowtie bracelet brain bread
    bridge broccoli broom bucket bulldozer bus bush butterfly cactus cake calculator calendar camel camera
    camouflage campfire candle cannon canoe car carrot castle cat ceiling_fan cello cell_phone chair chandelier
    church circle clarinet clock cloud coffee_cup compass computer cookie cooler couch cow crab crayon crocodile
    crown cruise_ship cup diamond dishwasher diving_board dog dolphin donut door dragon dresser drill drums duck
    dumbbell ear elbow elephant envelope eraser eye eyeglasses face fan feather fence finger fire_hydrant fireplace
    firetruck fish flamingo flashlight flip_flops floor_lamp flower flying_saucer foot fork frog frying_pan garden
    garden_hose giraffe goatee golf_club grapes grass guitar hamburger hammer hand harp hat headphones hedgehog
    helicopter helmet hexagon hockey_puck hockey_stick horse hospital hot_air_balloon hot_dog hot_tub hourglass
    house house_plant hurricane ice_cream jacket jail kangaroo key keyboard knee knife ladder lantern laptop leaf
    leg light_bulb lighter lighthouse lightning line lion lipstick lobster lollipop mailbox map marker matches
    megaphone mermaid microphone microwave monkey moon mosquito motorbike mountain mouse moustache mouth mug
    mushroom nail necklace nose ocean octagon octopus onion oven owl paintbrush paint_can palm_tree panda pants
    paper_clip parachute parrot passport peanut pear peas pencil penguin piano pickup_truck picture_frame pig pillow
    pineapple pizza pliers police_car pond pool popsicle postcard potato power_outlet purse rabbit raccoon radio
    rain rainbow rake remote_control rhinoceros rifle river roller_coaster rollerskates sailboat sandwich saw
    saxophone school_bus scissors scorpion screwdriver sea_turtle see_saw shark sheep shoe shorts shovel sink
    skateboard skull skyscraper sleeping_bag smiley_face snail snake snorkel snowflake snowman soccer_ball sock
    speedboat spider spoon spreadsheet square squiggle squirrel stairs star steak stereo stethoscope stitches
    stop_sign stove strawberry streetlight string_bean submarine suitcase sun swan sweater swing_set sword syringe
    table teapot teddy-bear telephone television tennis_racquet tent The_Eiffel_Tower The_Great_Wall_of_China
    The_Mona_Lisa tiger toaster toe toilet tooth toothbrush toothpaste tornado tractor traffic_light train tree
    triangle trombone truck trumpet t-shirt umbrella underwear van vase violin washing_machine watermelon waterslide
    whale wheel windmill wine_bottle wine_glass wristwatch yoga zebra zigzag"""
CLASSES = tuple(NAMES.split())


def domainnet(
    *,
    domain: Literal["clipart", "infograph", "painting", "quickdraw", "real", "sketch"],
    size: Size = 256,
    fit: Fit = "squash",
    on_bad: OnBad = "error",
) -> Domain:
    """DomainNet, cleaned version: 345 classes in six styles, each with a training and a test split of its own.

    clipart 33 525 + 14 604, infograph 36 023 + 15 582, painting 50 416 + 21 850, quickdraw 120 750 + 51 750,
    real 120 906 + 52 041, sketch 48 212 + 20 916 images. Reads ``domainnet/<domain>/<class>/*`` and the lists
    ``<domain>_train.txt`` and ``<domain>_test.txt`` in the data folder, else downloads the one domain there (0.4 to
    6.1 GB). Licence: research and education only, under fair use; some images are under copyright.

    RGB, shape ``(N, 3, size, size)``, values 0 to 255; images beyond the memory budget are decoded as they are read.
    X. Peng et al., *Moment Matching for Multi-Source Domain Adaptation*, 2019.

    Args:
        domain: which of the six.
        size: H and W.
        fit: ``squash`` stretches an image to the square, ``crop`` cuts its middle out.
        on_bad: whether an unreadable or missing image is an error or is skipped.
    """
    root = next(
        (path for name in FOLDERS if (path := find_dataset_folder(name)) is not None), data_folder() / "domainnet"
    )
    files = [_find_list(root, f"{domain}_{part}") for part in ("train", "test")]
    base = _find_images(root, domain)
    splits: list[Split] = []
    skipped: tuple[str, ...] = ()
    for file in files:
        listed, missing = keep_existing(file, _check_folders(file, read_list(file, base, len(CLASSES))), on_bad)
        paths, labels = [line.path for line in listed], [line.label for line in listed]
        split, bad = load_image_split(paths, labels, root=base, size=size, fit=fit, on_bad=on_bad)
        splits.append(split)
        skipped += missing + bad
    return Domain(f"domainnet/{domain}", splits[0], splits[1], CLASSES, _describe_origin(root, domain, splits), skipped)


def _find_list(root: Path, name: str) -> Path:
    """Find the file of one list; download it if there is none."""
    files = (root / place / f"{name}.txt" for place in PLACES)
    if (file := next((file for file in files if file.is_file()), None)) is not None:
        return file
    remote = Remote(f"{SOURCE}domainnet/txt/{name}.txt", f"md5:{LISTS[name]}")
    return download("domainnet", [remote], root, f"put {name}.txt of https://ai.bu.edu/M3SDA/ into domainnet/ there")[0]


def _find_images(root: Path, domain: str) -> Path:
    """Find the folder that the paths in the lists start from; download the images if there are none."""
    if not (root / domain).is_dir():
        otherwise = f"unpack {domain}.zip of https://ai.bu.edu/M3SDA/ into domainnet/ there"
        (archive,) = download("domainnet", [ARCHIVES[domain]], root, otherwise)
        unpack(archive, root / domain)
        archive.unlink()
    # Unpacked by us the images are in domainnet/clipart/clipart/, which appears whole or not at all.
    return root / domain if (root / domain / domain).is_dir() else root


def _check_folders(file: Path, listed: list[ListedImage]) -> list[ListedImage]:
    """Return ``listed``; raise if an image is not in the folder of its class."""
    for line in listed:
        name = line.path.parent.name
        if name.lower() != CLASSES[line.label].lower():
            raise BadInput(
                f"{file}, line {line.number}: label {line.label} is {CLASSES[line.label]}, but the image is in the "
                f"folder {name}: restore the file, or read it as a CSV of your own"
            )
    return listed


def _describe_origin(root: Path, domain: str, splits: list[Split]) -> str:
    counts = tuple(map(len, splits))
    official = f" (official: {OFFICIAL[domain][0]} + {OFFICIAL[domain][1]})" if counts != OFFICIAL[domain] else ""
    return f"folder {root.name}, {counts[0]} + {counts[1]} images{official}"
