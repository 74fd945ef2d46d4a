"""What synthetic images are worth, told from folders of images: `monai-genaug evaluate`."""

from monai_genaug.evaluation.evaluate import evaluate_images
from monai_genaug.evaluation.result import EvaluationResult
from monai_genaug.evaluation.run import evaluate_folders

__all__ = ["EvaluationResult", "evaluate_folders", "evaluate_images"]
