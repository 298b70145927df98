from rest_framework.routers import SimpleRouter

from catalog.views import CategoryViewSet, PhotoViewSet, ProductViewSet

# Not DefaultRouter: its format suffixes would read the sku 001.024.52 as 001.024 in the format "52".
router = SimpleRouter()
router.register("categories", CategoryViewSet)
router.register(r"products/(?P<sku>[^/]+)/photos", PhotoViewSet)
router.register("products", ProductViewSet)

urlpatterns = router.urls
