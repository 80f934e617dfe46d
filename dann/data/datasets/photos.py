"""Office-31, Office-Home, PACS and Office-Caltech10: photos in folders, a tree of class folders for each domain."""

from typing import Literal

from dann.data.datasets.folder_dataset import FolderDataset, Size
from dann.data.domain import Domain
from dann.data.readers.image_files import Fit, OnBad

OFFICE31 = FolderDataset(
    "office31",
    folders=("office31", "office_31", "office-31", "Office31", "domain_adaptation_images"),
    domains={"amazon": (("amazon",), 2817), "dslr": (("dslr",), 498), "webcam": (("webcam",), 795)},
    names="""back_pack bike bike_helmet bookcase bottle calculator desk_chair desk_lamp desktop_computer file_cabinet
        headphones keyboard laptop_computer letter_tray mobile_phone monitor mouse mug paper_notebook pen phone printer
        projector punchers ring_binder ruler scissors speaker stapler tape_dispenser trash_can""",
    otherwise="download domain_adaptation_images.tar.gz from https://faculty.cc.gatech.edu/~judy/domainadapt/ and "
    "unpack it into office31/ there, so that office31/amazon/images/back_pack/ holds images",
)
OFFICE_HOME = FolderDataset(
    "office_home",
    folders=("office_home", "office-home", "OfficeHome", "officehome", "OfficeHomeDataset"),
    domains={
        "art": (("Art", "art"), 2427),
        "clipart": (("Clipart", "clipart"), 4365),
        "product": (("Product", "product"), 4439),
        "real_world": (("Real World", "RealWorld", "Real_World", "Realworld", "real_world"), 4357),
    },
    names="""Alarm_Clock Backpack Batteries Bed Bike Bottle Bucket Calculator Calendar Candles Chair Clipboards Computer
        Couch Curtains Desk_Lamp Drill Eraser Exit_Sign Fan File_Cabinet Flipflops Flowers Folder Fork Glasses Hammer
        Helmet Kettle Keyboard Knives Lamp_Shade Laptop Marker Monitor Mop Mouse Mug Notebook Oven Pan Paper_Clip Pen
        Pencil Postit_Notes Printer Push_Pin Radio Refrigerator Ruler Scissors Screwdriver Shelf Sink Sneakers Soda
        Speaker Spoon Table Telephone ToothBrush Toys Trash_Can TV Webcam""",
    otherwise="download OfficeHomeDataset_10072016.zip from https://www.hemanthdv.org/officeHomeDataset.html and "
    "unpack it into office_home/ there, so that office_home/Art/Alarm_Clock/ holds images",
)
PACS = FolderDataset(
    "pacs",
    folders=("pacs", "PACS"),
    domains={
        "art_painting": (("art_painting",), 2048),
        "cartoon": (("cartoon",), 2344),
        "photo": (("photo",), 1670),
        "sketch": (("sketch",), 3929),
    },
    names="dog elephant giraffe guitar horse house person",
    otherwise="download it from https://dali-dl.github.io/project_iccv2017.html and unpack it into pacs/ there, so "
    "that pacs/photo/dog/ holds images",
)
OFFICE_CALTECH10 = FolderDataset(
    "office_caltech10",
    folders=("office_caltech10", "office_caltech_10", "OfficeCaltech", "OfficeCaltechDomainAdaptation"),
    domains={
        "amazon": (("amazon",), 958),
        "caltech10": (("caltech10", "caltech", "Caltech10"), 1123),
        "dslr": (("dslr",), 157),
        "webcam": (("webcam",), 295),
    },
    names="backpack bike calculator headphones keyboard laptop monitor mouse mug projector",
    aliases={"back_pack": "backpack", "laptop_computer": "laptop"},  # the names in Office-31
    otherwise="put the images of https://github.com/redhat12345/OfficeCaltechDomainAdaptation into "
    "office_caltech10/images/ there, so that office_caltech10/images/amazon/backpack/ holds images",
)


def office31(
    *, domain: Literal["amazon", "dslr", "webcam"], size: Size = 256, fit: Fit = "squash", on_bad: OnBad = "error"
) -> Domain:
    """Office-31: 31 classes of office objects; 2817 pictures of a shop, 498 by a camera, 795 by a webcam.

    Reads ``office31/<domain>/images/<class>/*`` or ``office31/<domain>/<class>/*`` in the data folder; its source,
    faculty.cc.gatech.edu/~judy/domainadapt, cannot be scripted. No test split is defined. Licence: not stated.

    RGB, shape ``(N, 3, size, size)``, values 0 to 255. K. Saenko, B. Kulis, M. Fritz, T. Darrell, *Adapting Visual
    Category Models to New Domains*, 2010.

    Args:
        domain: which of the three.
        size: H and W.
        fit: ``squash`` stretches a photo to the square, ``crop`` cuts its middle out.
        on_bad: whether an unreadable image is an error or is skipped.
    """
    return OFFICE31.load(domain, size, fit, on_bad)


def office_home(
    *,
    domain: Literal["art", "clipart", "product", "real_world"],
    size: Size = 256,
    fit: Fit = "squash",
    on_bad: OnBad = "error",
) -> Domain:
    """Office-Home: 65 classes of things at work and at home; 2427, 4365, 4439 and 4357 images.

    Reads ``office_home/<Art, Clipart, Product, Real World>/<class>/*`` in the data folder (``RealWorld``, as some
    re-pack it, is found too); its source, hemanthdv.org/officeHomeDataset.html, cannot be scripted. No test split is
    defined. Licence: not stated.

    RGB, shape ``(N, 3, size, size)``, values 0 to 255. H. Venkateswara, J. Eusebio, S. Chakraborty,
    S. Panchanathan, *Deep Hashing Network for Unsupervised Domain Adaptation*, 2017.

    Args:
        domain: which of the four.
        size: H and W.
        fit: ``squash`` stretches an image to the square, ``crop`` cuts its middle out.
        on_bad: whether an unreadable image is an error or is skipped.
    """
    return OFFICE_HOME.load(domain, size, fit, on_bad)


def pacs(
    *,
    domain: Literal["art_painting", "cartoon", "photo", "sketch"],
    size: Size = 256,
    fit: Fit = "squash",
    on_bad: OnBad = "error",
) -> Domain:
    """PACS: 7 classes in four styles; 2048 paintings, 2344 cartoons, 1670 photos and 3929 sketches.

    Reads ``pacs/<domain>/<class>/*`` in the data folder, resized copies such as ``pacs128`` too; the originals are
    227 × 227. Its source, dali-dl.github.io/project_iccv2017.html, cannot be scripted. No test split is defined: the
    convention is to evaluate on all images of the target. Licence: not stated.

    RGB, shape ``(N, 3, size, size)``, values 0 to 255. D. Li, Y. Yang, Y.-Z. Song, T. Hospedales, *Deeper, Broader
    and Artier Domain Generalization*, 2017.

    Args:
        domain: which of the four.
        size: H and W.
        fit: ``squash`` stretches an image to the square, ``crop`` cuts its middle out.
        on_bad: whether an unreadable image is an error or is skipped.
    """
    return PACS.load(domain, size, fit, on_bad)


def office_caltech10(
    *,
    domain: Literal["amazon", "caltech10", "dslr", "webcam"],
    size: Size = 256,
    fit: Fit = "squash",
    on_bad: OnBad = "error",
) -> Domain:
    """Office-Caltech10: the ten classes that Office-31 shares with Caltech-256; 958, 1123, 157 and 295 images.

    Reads ``office_caltech10/images*/<domain>/<class>/*`` or ``office_caltech10/<domain>/<class>/*`` in the data
    folder; nowhere is it published with a checksum. No test split is defined. Licence: not stated.

    RGB, shape ``(N, 3, size, size)``, values 0 to 255. B. Gong, Y. Shi, F. Sha, K. Grauman, *Geodesic Flow Kernel
    for Unsupervised Domain Adaptation*, 2012.

    Args:
        domain: which of the four.
        size: H and W.
        fit: ``squash`` stretches a photo to the square, ``crop`` cuts its middle out.
        on_bad: whether an unreadable image is an error or is skipped.
    """
    return OFFICE_CALTECH10.load(domain, size, fit, on_bad)
