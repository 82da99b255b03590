using System.ComponentModel.DataAnnotations;

namespace Push.Web;

/// <summary>What is pushed to pages, and the body of the requests to do so.</summary>
internal sealed record Notification(
    [Required, StringLength(100)] string Title,
    [Required, StringLength(1_000)] string Text);
