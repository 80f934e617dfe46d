"""Methods by their name in experiment files; each takes ``(network, *, hyper-parameters)``."""

from dann.methods.adabn import AdaBN
from dann.methods.adda import Adda
from dann.methods.afn import Afn
from dann.methods.bnm import Bnm
from dann.methods.bsp import Bsp
from dann.methods.bss import Bss
from dann.methods.cdan import Cdan
from dann.methods.cmd import Cmd
from dann.methods.co_tuning import CoTuning
from dann.methods.coral import DeepCoral
from dann.methods.dann import Dann
from dann.methods.dare_gram import DareGram
from dann.methods.delta import Delta
from dann.methods.dirt_t import DirtT
from dann.methods.domain_confusion import DomainConfusion
from dann.methods.dsan import Dsan
from dann.methods.entropy import EntropyMinimisation
from dann.methods.jan import Jan
from dann.methods.l2_sp import L2SP
from dann.methods.linear_svm import LinearSvm
from dann.methods.mcc import Mcc
from dann.methods.mcd import Mcd
from dann.methods.mdan import Mdan
from dann.methods.mdd import Mdd
from dann.methods.method import Method
from dann.methods.mmd import Dan, Ddc
from dann.methods.mmda import Mmda
from dann.methods.multitask import Multitask
from dann.methods.nrc import Nrc
from dann.methods.pixel_da import PixelDA
from dann.methods.rotation import Rotation
from dann.methods.self_training import FixMatch, PseudoLabel
from dann.methods.shot import Shot
from dann.methods.source_only import SourceOnly
from dann.methods.tent import Tent
from dann.methods.vada import Vada
from dann.methods.weighted import WeightedDann

METHODS: dict[str, type[Method]] = {
    "source_only": SourceOnly,
    "linear_svm": LinearSvm,
    "dann": Dann,
    "domain_confusion": DomainConfusion,
    "adda": Adda,
    "ddc": Ddc,
    "dan": Dan,
    "jan": Jan,
    "deep_coral": DeepCoral,
    "cmd": Cmd,
    "mmda": Mmda,
    "dsan": Dsan,
    "cdan": Cdan,
    "mcd": Mcd,
    "mdd": Mdd,
    "afn": Afn,
    "bsp": Bsp,
    "mcc": Mcc,
    "bnm": Bnm,
    "entropy": EntropyMinimisation,
    "vada": Vada,
    "dirt_t": DirtT,
    "pseudo_label": PseudoLabel,
    "fixmatch": FixMatch,
    "shot": Shot,
    "nrc": Nrc,
    "tent": Tent,
    "adabn": AdaBN,
    "weighted_dann": WeightedDann,
    "mdan": Mdan,
    "rotation": Rotation,
    "pixel_da": PixelDA,
    "l2_sp": L2SP,
    "delta": Delta,
    "bss": Bss,
    "co_tuning": CoTuning,
    "multitask": Multitask,
    "dare_gram": DareGram,
}
